/** Lines that are written to be spoken into a call: what becomes of each. */

import { Cell, type Live } from "./cell.ts";
import type { LiveEvent } from "./liveFeed.ts";
import { type Problem, problemIn } from "./problem.ts";

/** Where a line is on its way to the caller's ear. */
export type SayState =
  /** Control has not answered yet. */
  | "sending"
  /** Others are before it. */
  | "queued"
  /** It is the first of those that are left. */
  | "speaking"
  /** The caller has heard it to its end. */
  | "spoken"
  /** It was cancelled, or the caller spoke into it. */
  | "interrupted"
  /** No speech could be made of it, or control would not take it. */
  | "failed"
  /** The call ended first. */
  | "call_ended";

/** A line, as it stands. */
export interface SayLine {
  /** Its place among the lines of this page. */
  readonly key: number;
  readonly text: string;
  readonly state: SayState;
  /** Why it failed, when control said so. */
  readonly problem: Problem | null;
}

/** What lines need of their surroundings. */
export interface SayOptions {
  /** Resolves with the line's id. */
  readonly say: (text: string) => Promise<string>;
  /** Cancels one, or all. */
  readonly cancel: (id: string | null) => Promise<unknown>;
}

/** Longest line, in characters, that control takes. */
export const LONGEST_LINE = 2000;
/** Most lines that are remembered; the oldest are forgotten first. */
const MOST_LINES = 50;
/** Ends that came before their line's id did: as many are remembered. */
const MOST_EARLY = 20;

interface Line {
  readonly key: number;
  readonly text: string;
  id: string | null;
  /** What became of it; null while it is on its way. */
  end: SayState | null;
  problem: Problem | null;
}

/** The lines of one call that were written on this page. */
export class SayBox {
  /** Oldest first. */
  readonly lines: Live<readonly SayLine[]>;
  readonly #shown = new Cell<readonly SayLine[]>([]);
  readonly #options: SayOptions;
  readonly #early = new Map<string, SayState>();
  #lines: Line[] = [];
  #count = 0;

  constructor(options: SayOptions) {
    this.#options = options;
    this.lines = this.#shown;
  }

  /** Has this spoken, after what is before it. Resolves with whether control took it. */
  readonly say = async (text: string): Promise<boolean> => {
    const line: Line = { key: this.#count, text, id: null, end: null, problem: null };
    this.#count += 1;
    this.#lines = [...this.#lines, line].slice(-MOST_LINES);
    this.#show();
    try {
      line.id = await this.#options.say(text);
      // The event may have been faster than the answer.
      line.end ??= this.#early.get(line.id) ?? null;
      this.#early.delete(line.id);
    } catch (error) {
      line.end = "failed";
      line.problem = problemIn(error);
    }
    this.#show();
    return line.problem === null;
  };

  /** Says this line no more. What became of it comes as an event. */
  readonly cancel = async (key: number): Promise<Problem | null> => {
    const id = this.#lines.find((line) => line.key === key)?.id ?? null;
    return id === null ? null : this.#cancel(id);
  };

  /** Says none of them any more. */
  readonly cancelAll = (): Promise<Problem | null> => this.#cancel(null);

  /** Takes what the live feed says of lines. */
  take({ type, data }: Pick<LiveEvent, "type" | "data">): void {
    if (type !== "message.sent") return;
    const { say, end: word } = data;
    const end = endOf(word);
    if (typeof say !== "string" || end === null) return;
    const line = this.#lines.find(({ id }) => id === say);
    if (line !== undefined) {
      line.end = end;
      this.#show();
    } else if (this.#lines.some(({ id, end: known }) => id === null && known === null)) {
      this.#early.set(say, end);
      const [oldest] = this.#early.keys();
      if (this.#early.size > MOST_EARLY && oldest !== undefined) this.#early.delete(oldest);
    }
  }

  /** The call is over, and with it what was still to be said. */
  readonly end = (): void => {
    for (const line of this.#lines) line.end ??= "call_ended";
    this.#show();
  };

  async #cancel(id: string | null): Promise<Problem | null> {
    try {
      await this.#options.cancel(id);
      return null;
    } catch (error) {
      return problemIn(error);
    }
  }

  #show(): void {
    let isFirst = true;
    this.#shown.set(
      this.#lines.map(({ key, text, id, end, problem }) => {
        if (end !== null) return { key, text, state: end, problem };
        if (id === null) return { key, text, state: "sending", problem };
        const state = isFirst ? "speaking" : "queued";
        isFirst = false;
        return { key, text, state, problem };
      }),
    );
  }
}

function endOf(word: unknown): SayState | null {
  switch (word) {
    case "spoken":
    case "interrupted":
    case "failed":
    case "call_ended":
      return word;
    default:
      // It is over, and this build does not know how.
      return typeof word === "string" ? "failed" : null;
  }
}
