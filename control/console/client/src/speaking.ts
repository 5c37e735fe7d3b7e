/** What the API knows of speaking in a call: who may, how loud, and what else can be done with it. */

import type { Mode, SessionGrant } from "./contract.ts";
import { ApiError, isRecord, problemOf } from "./problem.ts";
import { notUnderstood } from "./request.ts";

/** Being heard in calls, and moving them on. */
export interface SpeakingApi {
  /** Answers a call that rings: leave to speak in it as its agent. */
  answer(callId: string): Promise<SessionGrant>;
  /** Changes what an open connection may do. */
  changeMode(callId: string, session: string, mode: Mode): Promise<void>;
  /** Takes the call over from its AI, which falls silent at once. One's own open connection, or leave for a new one. */
  takeOver(callId: string, why: TakeoverReason): Promise<SessionGrant>;
  /** Lets the AI hear nothing and be heard by nobody. */
  pauseAi(callId: string): Promise<void>;
  /** Hands the call back to it. */
  resumeAi(callId: string): Promise<void>;
  /** Has a line spoken to the caller. Its id. */
  say(callId: string, text: string): Promise<string>;
  /** Says this line no more; with null, none of them. */
  cancelSay(callId: string, line: string | null): Promise<void>;
  /** Puts the caller on hold, or takes them off it. */
  hold(callId: string, held: boolean): Promise<void>;
  /** Sends keys to the caller's side, as tones. */
  dtmf(callId: string, digits: string): Promise<void>;
  /** Connects the caller with somebody else. */
  transfer(callId: string, to: string, kind: TransferKind): Promise<void>;
  /** Hangs up. */
  endCall(callId: string): Promise<void>;
}

/** Why somebody takes over. */
export interface TakeoverReason {
  readonly reason: string;
  readonly notes: string;
}

/** Cold: at once. Warm: with the person who transfers still in the call. */
export type TransferKind = "cold" | "warm";

/** Sends a request as the person who is signed in. */
export type Send = (request: Request) => Promise<Response>;

/** Speaking, asked for in this way. */
export function speakingApi(baseUrl: string, send: Send): SpeakingApi {
  const ask = async (method: string, path: string, body?: object): Promise<Response> => {
    const answer = await send(
      new Request(`${baseUrl}/api/calls/${path}`, {
        method,
        cache: "no-store",
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      }),
    );
    if (!answer.ok) throw new ApiError(await problemOf(answer));
    return answer;
  };
  const of = (callId: string, rest: string) => `${encodeURIComponent(callId)}/${rest}`;
  const done = async (method: string, path: string, body?: object): Promise<void> => {
    await ask(method, path, body);
  };
  return {
    answer: async (callId) => grantOf(await ask("POST", of(callId, "sessions"), { mode: "join" })),
    changeMode: (callId, session, mode) =>
      done("PATCH", of(callId, `sessions/${encodeURIComponent(session)}`), { mode }),
    takeOver: async (callId, why) => grantOf(await ask("POST", of(callId, "takeover"), why)),
    pauseAi: (callId) => done("POST", of(callId, "pause-ai")),
    resumeAi: (callId) => done("DELETE", of(callId, "pause-ai")),
    async say(callId, text) {
      const answer: unknown = await (await ask("POST", of(callId, "say"), { text })).json();
      if (isRecord(answer) && typeof answer["id"] === "string") return answer["id"];
      throw notUnderstood();
    },
    cancelSay: (callId, line) =>
      done("DELETE", of(callId, line === null ? "say" : `say/${encodeURIComponent(line)}`)),
    hold: (callId, held) => done("POST", of(callId, "hold"), { held }),
    dtmf: (callId, digits) => done("POST", of(callId, "dtmf"), { digits }),
    transfer: (callId, to, kind) => done("POST", of(callId, "transfer"), { to, kind }),
    endCall: (callId) => done("POST", of(callId, "end")),
  };
}

async function grantOf(answer: Response): Promise<SessionGrant> {
  const grant: unknown = await answer.json();
  if (isGrant(grant)) return grant;
  throw notUnderstood();
}

function isGrant(value: unknown): value is SessionGrant {
  return (
    isRecord(value) &&
    ["id", "mode", "whep_url", "token"].every((name) => typeof value[name] === "string") &&
    Array.isArray(value["ice_servers"])
  );
}
