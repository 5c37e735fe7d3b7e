/** What is said in a call, read along while it is said. */

import { backoffMs } from "./backoff.ts";
import { Cell, type Live } from "./cell.ts";
import type { TranscriptLine } from "./contract.ts";
import { ApiError, type Problem, isRecord, problemIn, problemOf } from "./problem.ts";
import { sleep } from "./wait.ts";

/** A conversation as far as it is known. */
export interface TranscriptState {
  /** `paused`: the connection is lost, and tried again. `over`: no more lines come. */
  readonly kind: "loading" | "current" | "paused" | "over" | "problem";
  /** Oldest first. */
  readonly lines: readonly TranscriptLine[];
  /** Why no line comes; null while they do. */
  readonly problem: Problem | null;
}

/** Opens the stream of lines that changed after the event with this id; all of them for null. */
export type OpenTranscript = (lastEventId: string | null, signal: AbortSignal) => Promise<Response>;

const RETRY = { firstMs: 1000, longestMs: 15_000 };
/** The server gives a sign of life each 4 s. After so many ms without one, the connection is held for lost. */
const SILENT_MS = 15_000;
/** Longest event taken, in UTF-16 units: a line has at most 4000 characters. */
const LONGEST_EVENT = 65_536;

/** Follows one call's transcript from `start` to `stop`. */
export class TranscriptReader {
  readonly state: Live<TranscriptState>;
  readonly #state = new Cell<TranscriptState>({ kind: "loading", lines: [], problem: null });
  readonly #open: OpenTranscript;
  #lastId: string | null = null;
  #stopping: AbortController | null = null;

  constructor(open: OpenTranscript) {
    this.#open = open;
    this.state = this.#state;
  }

  /** Begins to read. */
  start(): void {
    this.#stopping ??= new AbortController();
    void this.#run(this.#stopping.signal);
  }

  /** Reads no more. What was read stays. */
  stop(): void {
    this.#stopping?.abort();
    this.#stopping = null;
  }

  async #run(stopped: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stopped.aborted) {
      try {
        const before = this.#lastId;
        if (await this.#attempt(stopped)) {
          this.#set({ kind: "over", problem: null });
          return;
        }
        // A connection that brought something was a good one.
        if (before !== this.#lastId) failures = 0;
        this.#set({ kind: "paused" });
      } catch (error) {
        if (stopped.aborted) return;
        const problem = problemIn(error);
        if (!isPassing(problem)) {
          this.#set({ kind: "problem", problem });
          return;
        }
        this.#set({ kind: "paused", problem });
      }
      await sleep(backoffMs(failures, RETRY), stopped).catch(() => undefined);
      failures += 1;
    }
  }

  /** Reads one connection to its end. Resolves with whether the transcript is at its end, too. */
  async #attempt(stopped: AbortSignal): Promise<boolean> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENT_MS);
    try {
      const answer = await this.#open(this.#lastId, AbortSignal.any([stopped, silent.signal]));
      if (answer.status === 204) return true;
      if (!answer.ok || answer.body === null) throw new ApiError(await problemOf(answer));
      this.#set({ kind: "current", problem: null });
      const reader = answer.body.getReader();
      const decoder = new TextDecoder();
      const events = new EventParser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return false;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENT_MS);
        for (const event of events.push(decoder.decode(value, { stream: true }))) {
          if (event.type === "end") return true;
          this.#take(event);
        }
      }
    } finally {
      clearTimeout(timer);
      silent.abort();
    }
  }

  #take({ type, id, data }: ServerEvent): void {
    if (id !== null) this.#lastId = id;
    const line = type === "line" ? lineIn(data) : null;
    if (line === null) return;
    this.#set({ lines: withLine(this.#state.get().lines, line) });
  }

  #set(changes: Partial<TranscriptState>): void {
    this.#state.set({ ...this.#state.get(), ...changes });
  }
}

/** The lines with this one: in place of its older self, or behind those before it. */
export function withLine(
  lines: readonly TranscriptLine[],
  line: TranscriptLine,
): readonly TranscriptLine[] {
  const at = lines.findIndex(({ id }) => id === line.id);
  if (at >= 0) return lines.with(at, line);
  return [...lines, line].toSorted((a, b) => a.id - b.id);
}

/** One event of a server. */
export interface ServerEvent {
  readonly type: string;
  readonly id: string | null;
  readonly data: string;
}

/** Reads `text/event-stream` as it comes, in pieces that end anywhere. */
export class EventParser {
  #rest = "";
  #type = "";
  #id: string | null = null;
  #data: string[] = [];

  /** The events that are whole with this piece. */
  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + piece).split("\n");
    this.#rest = (lines.pop() ?? "").slice(0, LONGEST_EVENT);
    for (const line of lines) {
      const event = this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  #line(line: string): ServerEvent | null {
    if (line === "") return this.#end();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#type = value;
    if (name === "id") this.#id = value;
    if (name === "data") this.#data.push(value);
    return null;
  }

  #end(): ServerEvent | null {
    const event = { type: this.#type || "message", id: this.#id, data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#type = "";
    this.#id = null;
    this.#data = [];
    return isEmpty ? null : event;
  }
}

function lineIn(text: string): TranscriptLine | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  return isLine(value) ? value : null;
}

function isLine(value: unknown): value is TranscriptLine {
  return (
    isRecord(value) &&
    typeof value["id"] === "number" &&
    typeof value["text"] === "string" &&
    typeof value["speaker"] === "string" &&
    typeof value["at"] === "string"
  );
}

/** Whether it may be over by the next try. */
function isPassing({ kind }: Problem): boolean {
  return kind === "unreachable" || kind === "unavailable" || kind === "too_many";
}
