/**
 * The gate before the ears of others: it stands in the gateway, and is held open over a socket of its own.
 *
 * A page that hangs, a tab that is frozen, a network that is gone: all of them let go of it, and it falls shut.
 */

import type { Mode } from "./contract.ts";
import { isRecord } from "./problem.ts";
import type { Socket } from "./liveFeed.ts";

/** Who hears somebody who speaks. `others`: ears that this build has no word for. */
export type Ear = "caller" | "agents" | "others";

/** What the gateway says of the gate. */
export interface GateWord {
  /** What the connection may do. */
  readonly mode: Mode;
  /** Whether it is open: what is said is heard. */
  readonly talking: boolean;
  /** By whom. */
  readonly heardBy: readonly Ear[];
}

/** Why the gate cannot be held any more. */
export type GateEnd =
  /** The socket is gone. */
  | "lost"
  /** The gateway did not say in time that it opened or shut. */
  | "unconfirmed"
  /** This page slept: the gateway has shut it meanwhile. */
  | "slept";

/** Does something every `ms`, until the returned function is called. */
export type Beat = (ms: number, tick: () => void) => () => void;

/** What a gate needs of its surroundings. */
export interface GateOptions {
  /** `wss://gateway/whep/call/session/mic`: who knows the session's own name may open it, and the newest one counts. */
  readonly url: string;
  readonly open: (url: string) => Socket;
  /** Must go on in a tab that nobody looks at. */
  readonly beat: Beat;
  readonly onWord: (word: GateWord) => void;
  /** Once, and nothing comes after it. */
  readonly onEnd: (end: GateEnd) => void;
}

/** The gateway shuts the gate when it has not heard of us for 1000 ms: so many ms lie between two words. */
const SAY_EVERY_MS = 300;
/** What was asked for is confirmed within this time, in ms. */
const CONFIRM_WITHIN_MS = 1000;
/** While we talk the gateway says so twice a second: without its word for so long, in ms, nothing arrives any more. */
const SILENT_FOR_MS = 1500;
/** A socket has this long, in ms, to open and say its first word. */
const OPEN_WITHIN_MS = 5000;
/** `WebSocket.OPEN`. */
const OPEN = 1;
/** Longest word that is read, in UTF-16 units. */
const LONGEST_WORD = 4096;

/** Our hand on the gate. */
export class Gate {
  readonly #options: GateOptions;
  readonly #socket: Socket;
  readonly #stopBeat: () => void;
  #wanted = false;
  /** Since when the gateway should have said what is wanted (local time in ms). */
  #dueSince = Date.now();
  #beatAt = Date.now();
  #word: GateWord | null = null;
  /** When the gateway last said something (local time in ms). */
  #heardAt = Date.now();
  #over = false;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#socket = options.open(options.url);
    this.#socket.addEventListener("open", () => {
      if (this.#over) return;
      this.#dueSince = Date.now();
      this.#say();
    });
    this.#socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (this.#over || typeof data !== "string" || data.length > LONGEST_WORD) return;
      const word = readWord(data);
      if (word === null) return;
      this.#word = word;
      this.#heardAt = Date.now();
      options.onWord(word);
    });
    this.#socket.addEventListener("close", () => this.#end("lost"));
    this.#socket.addEventListener("error", () => this.#end("lost"));
    this.#stopBeat = options.beat(SAY_EVERY_MS, () => this.#tick());
  }

  /** Opens it, or lets it fall shut. What becomes of it, the gateway says. */
  want(talk: boolean): void {
    if (this.#over || talk === this.#wanted) return;
    this.#wanted = talk;
    this.#dueSince = Date.now();
    this.#say();
  }

  /** The network is gone: what the gateway last said is true no more, whatever the socket thinks. */
  cut(): void {
    this.#end("lost");
  }

  /** Lets go of it. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopBeat();
    this.#socket.close(1000);
  }

  #tick(): void {
    const now = Date.now();
    const slept = now - this.#beatAt > CONFIRM_WITHIN_MS;
    this.#beatAt = now;
    const within = this.#word === null ? OPEN_WITHIN_MS : CONFIRM_WITHIN_MS;
    const isDue = this.#word === null || this.#word.talking !== this.#wanted;
    if (slept && this.#wanted) this.#end("slept");
    else if (this.#word?.talking === true && now - this.#heardAt > SILENT_FOR_MS) this.#end("lost");
    else if (isDue && now - this.#dueSince > within) this.#end("unconfirmed");
    else this.#say();
  }

  #say(): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(JSON.stringify({ talk: this.#wanted }));
  }

  #end(end: GateEnd): void {
    if (this.#over) return;
    this.close();
    this.#options.onEnd(end);
  }
}

/** Reads what the gateway says; null for what is not understood. */
export function readWord(text: string): GateWord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || !isMode(value["mode"]) || typeof value["talking"] !== "boolean") return null;
  const heardBy: unknown = value["heard_by"];
  return {
    mode: value["mode"],
    talking: value["talking"],
    heardBy: Array.isArray(heardBy) ? heardBy.map(earOf) : [],
  };
}

function earOf(value: unknown): Ear {
  return value === "caller" || value === "agents" ? value : "others";
}

/** Whether it is a mode that this build knows. */
export function isMode(value: unknown): value is Mode {
  return value === "listen" || value === "whisper" || value === "join" || value === "takeover";
}
