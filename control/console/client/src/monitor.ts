/** Listens to one call: connects, stays connected, and says how it is going. */

import { backoffMs } from "./backoff.ts";
import { Cell, type Live } from "./cell.ts";
import type { SessionGrant } from "./contract.ts";
import { ApiError, type Problem, isRecord } from "./problem.ts";
import { NO_RECEPTION, type Reception, ReceptionMeter } from "./reception.ts";
import type { Sound } from "./sound.ts";
import type { Begin, CallSpeaker, Speaker } from "./speaker.ts";
import { sleep } from "./wait.ts";
import { type WhepOptions, WhepSession } from "./whep.ts";

/** Why there is no audio, as far as it can be told from here. */
export type ListenProblem =
  | Problem
  /** Everything was agreed on, and no packet gets through. */
  | { kind: "no_media" }
  /** The gateway has no audio of this call yet, or no more. */
  | { kind: "no_audio" }
  /** This browser has no WebRTC, or it is switched off. */
  | { kind: "unsupported" };

/** What can be said of listening to a call. One state at a time, so no flag can contradict another. */
export type MonitorState =
  | { kind: "idle" }
  | { kind: "connecting" }
  | { kind: "live"; reception: Reception }
  /** No audio, and it is being tried again: at `retryAt` (local time in ms), or now when that is null. */
  | { kind: "reconnecting"; heard: boolean; problem: ListenProblem | null; retryAt: number | null }
  /** The audio is over. `callGoesOn`: the call itself is not, and its audio may come back. */
  | { kind: "ended"; callGoesOn: boolean }
  | { kind: "stopped" }
  | { kind: "failed"; problem: ListenProblem };

/** Leave that was given already, to more than listening. It is used once: what comes after it only listens. */
export interface Leave {
  readonly grant: SessionGrant;
  readonly begin: Begin;
}

/** Listens to one call. The page decides when; this decides how. */
export interface CallMonitor {
  readonly callId: string;
  readonly state: Live<MonitorState>;
  /** Speaking on it; null for those who may only listen. */
  readonly speaker: CallSpeaker | null;
  /** Call it inside the handler of a click or key: browsers let no sound out otherwise. */
  readonly start: (leave?: Leave) => void;
  readonly stop: () => void;
  /** The call, or its audio, is over. */
  readonly end: (callGoesOn: boolean) => void;
  /** The session that is open, for diagnosis. */
  readonly session: () => WhepSession | null;
}

/** What a monitor needs of its surroundings. */
export interface MonitorOptions extends WhepOptions {
  readonly callId: string;
  readonly openSession: (callId: string, signal?: AbortSignal) => Promise<SessionGrant>;
  readonly sound: Pick<Sound, "resume" | "play" | "fadeOut" | "outputDelayMs">;
  /** Speaks over the connection, for those who may. */
  readonly speaker?: Pick<Speaker, "expect" | "attach" | "lost" | "detach"> & CallSpeaker;
}

/** From the answer to a working connection, in ms. On a good network it is under 100. */
const CONNECT_WITHIN_MS = 10_000;
/** An ICE restart has this long, in ms, before the session is given up for a new one. */
const RESTART_WITHIN_MS = 5000;
/** Statistics are read this often, in ms. */
const STATS_EVERY_MS = 1000;
/** Without any success for this long, in ms, it is given up: before the first audio, and after it. */
const GIVE_UP = { unheardMs: 30_000, heardMs: 120_000 };
const RETRY = { firstMs: 500, longestMs: 8000 };

/** A monitor that listens over WHEP. */
export function createMonitor(options: MonitorOptions): CallMonitor {
  return new WhepMonitor(options);
}

class WhepMonitor implements CallMonitor {
  readonly callId: string;
  readonly state: Live<MonitorState>;
  readonly speaker: CallSpeaker | null;
  readonly #state = new Cell<MonitorState>({ kind: "idle" });
  readonly #options: MonitorOptions;
  #run: AbortController | null = null;
  #session: WhepSession | null = null;
  #granted: SessionGrant | null = null;
  #heard = false;
  /** When the present trouble is given up (local time in ms). */
  #giveUpAt = 0;

  constructor(options: MonitorOptions) {
    this.callId = options.callId;
    this.#options = options;
    this.state = this.#state;
    this.speaker = options.speaker ?? null;
  }

  readonly start = (leave?: Leave): void => {
    this.#options.sound.resume();
    if (this.#run !== null) return;
    this.#granted = leave?.grant ?? null;
    if (leave !== undefined) this.#options.speaker?.expect(leave.begin);
    const run = new AbortController();
    this.#run = run;
    this.#heard = false;
    this.#giveUpAt = Date.now() + GIVE_UP.unheardMs;
    this.#state.set({ kind: "connecting" });
    void this.#listen(run.signal).catch((error: unknown) => {
      // Called off: whoever did so has set the state.
      if (run.signal.aborted) return;
      this.#finish({ kind: "failed", problem: listenProblem(error) });
    });
  };

  readonly stop = (): void => {
    if (this.#run === null) return;
    this.#finish({ kind: "stopped" });
  };

  readonly end = (callGoesOn: boolean): void => {
    const state = this.#state.get();
    if (this.#run !== null) this.#finish({ kind: "ended", callGoesOn });
    // The audio ends a moment before the call: the later word is the truer one.
    else if (state.kind === "ended" && state.callGoesOn && !callGoesOn)
      this.#state.set({ kind: "ended", callGoesOn });
  };

  readonly session = (): WhepSession | null => this.#session;

  /** Tries until it is called off, or no attempt can help any more. */
  async #listen(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const trouble = await this.#once(signal);
      signal.throwIfAborted();
      if (trouble.wasLive) attempt = 0;
      const { problem } = trouble;
      if (problem !== null && this.#heard && saysCallIsOver(problem)) {
        this.#finish({ kind: "ended", callGoesOn: true });
        return;
      }
      const wait = Math.max(askedWaitMs(problem), backoffMs(attempt, RETRY));
      const hopeless = problem !== null && isFinal(problem);
      if (hopeless || Date.now() + wait > this.#giveUpAt) {
        this.#finish({ kind: "failed", problem: problem ?? { kind: "no_media" } });
        return;
      }
      this.#reconnecting(problem, Date.now() + wait);
      await sleep(wait, signal);
      this.#reconnecting(problem, null);
    }
  }

  /** One session, from the grant to the loss of its connection. */
  async #once(signal: AbortSignal): Promise<{ problem: ListenProblem | null; wasLive: boolean }> {
    let session: WhepSession;
    let grant: SessionGrant;
    try {
      grant = await this.#grant(signal);
      session = await this.#open(grant, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { problem: listenProblem(error), wasLive: false };
    }
    if (signal.aborted) {
      session.close();
      signal.throwIfAborted();
    }
    this.#session = session;
    try {
      if (!(await connected(session.peer, CONNECT_WITHIN_MS, signal))) {
        return { problem: { kind: "no_media" }, wasLive: false };
      }
      for (;;) {
        await this.#live(session, grant, signal);
        this.#giveUpAt = Date.now() + GIVE_UP.heardMs;
        this.#reconnecting(null, null);
        if (!(await this.#restarted(session, signal))) return { problem: null, wasLive: true };
      }
    } finally {
      // When called off, `#finish` closes it after the fade.
      if (!signal.aborted) this.#close(session);
    }
  }

  /** The leave that was given already, once; then leave to listen. */
  #grant(signal: AbortSignal): Promise<SessionGrant> {
    const granted = this.#granted;
    this.#granted = null;
    return granted === null ? this.#options.openSession(this.callId, signal) : Promise.resolve(granted);
  }

  async #open(grant: SessionGrant, signal: AbortSignal): Promise<WhepSession> {
    const target = {
      url: grant.whep_url,
      token: grant.token,
      iceServers: iceServers(grant),
      maySpeak: this.speaker !== null,
    };
    try {
      return await WhepSession.open(this.#options, target, signal);
    } catch (error) {
      throw error instanceof ApiError ? new ListenError(saidByGateway(error.problem)) : error;
    }
  }

  /** Plays until the connection is lost. */
  async #live(session: WhepSession, grant: SessionGrant, signal: AbortSignal): Promise<void> {
    this.#heard = true;
    const { stream, voices } = session;
    this.#options.sound.play(stream, voices);
    this.#state.set({ kind: "live", reception: { ...NO_RECEPTION, voices } });
    const { sender, gateUrl } = session;
    this.#options.speaker?.attach({ id: grant.id, mode: grant.mode, sender, gateUrl });
    const meter = new ReceptionMeter(voices);
    const read = async () => {
      const report = await session.peer.getStats();
      if (this.#session !== session || this.#state.get().kind !== "live") return;
      this.#state.set({ kind: "live", reception: meter.read(report, this.#options.sound.outputDelayMs()) });
    };
    const timer = setInterval(() => void read().catch(() => undefined), STATS_EVERY_MS);
    try {
      await until(session.peer, (state) => state !== "connected" && state !== "connecting", null, signal);
    } finally {
      clearInterval(timer);
    }
    this.#options.speaker?.lost();
    await this.#options.sound.fadeOut();
    signal.throwIfAborted();
  }

  /** Whether the same session works again. */
  async #restarted(session: WhepSession, signal: AbortSignal): Promise<boolean> {
    if (session.peer.connectionState === "closed") return false;
    try {
      await session.restart(signal);
    } catch {
      signal.throwIfAborted();
      return false;
    }
    return connected(session.peer, RESTART_WITHIN_MS, signal);
  }

  #reconnecting(problem: ListenProblem | null, retryAt: number | null): void {
    this.#state.set({ kind: "reconnecting", heard: this.#heard, problem, retryAt });
  }

  /** Ends the run. The sound fades before the connection goes. */
  #finish(state: MonitorState): void {
    this.#run?.abort(new DOMException("called off", "AbortError"));
    this.#run = null;
    this.#options.speaker?.detach();
    this.#state.set(state);
    const session = this.#session;
    if (session === null) return;
    this.#session = null;
    void this.#options.sound.fadeOut().finally(() => session.close());
  }

  #close(session: WhepSession): void {
    session.close();
    if (this.#session === session) this.#session = null;
  }
}

/** Whether the peer is connected before `ms` have passed. */
async function connected(peer: RTCPeerConnection, ms: number, signal: AbortSignal): Promise<boolean> {
  const state = await until(
    peer,
    (now) => now === "connected" || now === "failed" || now === "closed",
    ms,
    signal,
  );
  return state === "connected";
}

/** Waits for a state; resolves with the state at hand, which after `ms` may be another one. */
function until(
  peer: RTCPeerConnection,
  wanted: (state: RTCPeerConnectionState) => boolean,
  ms: number | null,
  signal: AbortSignal,
): Promise<RTCPeerConnectionState> {
  return new Promise((resolve, reject) => {
    const done = () => {
      peer.removeEventListener("connectionstatechange", look);
      signal.removeEventListener("abort", aborted);
      clearTimeout(timer);
    };
    const look = () => {
      if (!wanted(peer.connectionState)) return;
      done();
      resolve(peer.connectionState);
    };
    const aborted = () => {
      done();
      reject(new DOMException("called off", "AbortError"));
    };
    const late = () => {
      done();
      resolve(peer.connectionState);
    };
    const timer = ms === null ? undefined : setTimeout(late, ms);
    peer.addEventListener("connectionstatechange", look);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
    else look();
  });
}

/** Whether trying again cannot help. */
function isFinal(problem: ListenProblem): boolean {
  switch (problem.kind) {
    case "signed_out":
    case "forbidden":
    case "not_found":
    case "conflict":
    case "refused":
    case "unsupported":
      return true;
    case "unreachable":
    case "too_many":
    case "unavailable":
    case "no_media":
    case "no_audio":
      return false;
  }
}

function saysCallIsOver(problem: ListenProblem): boolean {
  return problem.kind === "conflict" || problem.kind === "not_found";
}

function askedWaitMs(problem: ListenProblem | null): number {
  const asked = problem !== null && "retryAfterSeconds" in problem ? problem.retryAfterSeconds : null;
  return (asked ?? 0) * 1000;
}

/** What an answer of the gateway means. It knows no person, only a grant that control gave a moment ago. */
function saidByGateway(problem: Problem): ListenProblem {
  switch (problem.kind) {
    case "signed_out":
      return { kind: "forbidden", detail: "The gateway did not accept the permission to listen." };
    case "not_found":
    case "conflict":
      // Control says that the call has audio, so this gateway will have it soon, or control will change its mind.
      return { kind: "no_audio" };
    case "forbidden":
    case "unreachable":
    case "too_many":
    case "unavailable":
    case "refused":
      return problem;
  }
}

class ListenError extends Error {
  readonly problem: ListenProblem;

  constructor(problem: ListenProblem) {
    super(problem.kind);
    this.problem = problem;
  }
}

function listenProblem(error: unknown): ListenProblem {
  if (error instanceof ListenError) return error.problem;
  if (error instanceof ApiError) return error.problem;
  // What the browser itself refuses: `RTCPeerConnection` missing, or forbidden by policy.
  const name = error instanceof Error ? error.name : "";
  if (name === "ReferenceError" || name === "NotSupportedError") return { kind: "unsupported" };
  return { kind: "unreachable" };
}

function iceServers(grant: SessionGrant): RTCIceServer[] {
  // The API's description leaves their form open; a browser takes only this one.
  const servers: unknown[] = grant.ice_servers;
  return servers.filter(isIceServer);
}

function isIceServer(value: unknown): value is RTCIceServer {
  if (!isRecord(value)) return false;
  const { urls } = value;
  return typeof urls === "string" || (Array.isArray(urls) && urls.every((url) => typeof url === "string"));
}
