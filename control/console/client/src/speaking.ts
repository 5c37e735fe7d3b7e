/** What the API knows of speaking in a call: who may, how loud, and what else can be done with it. */

import type { Mode, SessionGrant, TransferKind } from "./contract.ts";
import { type ApiClient, done, success } from "./request.ts";

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

/** Speaking, asked for with this client. */
export function speakingApi(client: ApiClient): SpeakingApi {
  const of = (id: string) => ({ path: { id } });
  return {
    async answer(id) {
      return success(client.POST("/api/calls/{id}/sessions", { params: of(id), body: { mode: "join" } }));
    },
    async changeMode(id, sid, mode) {
      const params = { path: { id, sid } };
      return done(client.PATCH("/api/calls/{id}/sessions/{sid}", { params, body: { mode } }));
    },
    async takeOver(id, { reason, notes }) {
      const body = { reason, notes: notes === "" ? null : notes };
      return success(client.POST("/api/calls/{id}/takeover", { params: of(id), body }));
    },
    async pauseAi(id) {
      return done(client.POST("/api/calls/{id}/pause-ai", { params: of(id) }));
    },
    async resumeAi(id) {
      return done(client.DELETE("/api/calls/{id}/pause-ai", { params: of(id) }));
    },
    async say(id, text) {
      return (await success(client.POST("/api/calls/{id}/say", { params: of(id), body: { text } }))).id;
    },
    async cancelSay(id, say) {
      if (say === null) return done(client.DELETE("/api/calls/{id}/say", { params: of(id) }));
      return done(client.DELETE("/api/calls/{id}/say/{say}", { params: { path: { id, say } } }));
    },
    async hold(id, held) {
      return done(client.POST("/api/calls/{id}/hold", { params: of(id), body: { held } }));
    },
    async dtmf(id, digits) {
      return done(client.POST("/api/calls/{id}/dtmf", { params: of(id), body: { digits } }));
    },
    async transfer(id, to, kind) {
      return done(client.POST("/api/calls/{id}/transfer", { params: of(id), body: { to, kind } }));
    },
    async endCall(id) {
      return done(client.POST("/api/calls/{id}/end", { params: of(id) }));
    },
  };
}
