import type { Api } from "@partyline/client/api";
import type { LiveEvent } from "@partyline/client/liveFeed";
import { SayBox } from "@partyline/client/say";

/** Calls whose lines are remembered; those of the oldest are forgotten first. */
const MOST_CALLS = 20;

/** Lines that were written to be spoken, by their call: they outlive the page of the call. */
export class SayDesk {
  readonly #api: Pick<Api, "say" | "cancelSay">;
  readonly #boxes = new Map<string, SayBox>();

  constructor(api: Pick<Api, "say" | "cancelSay">) {
    this.#api = api;
  }

  /** The lines of this call. */
  of(callId: string): SayBox {
    const known = this.#boxes.get(callId);
    if (known !== undefined) return known;
    const box = new SayBox({
      say: (text) => this.#api.say(callId, text),
      cancel: (id) => this.#api.cancelSay(callId, id),
    });
    this.#boxes.set(callId, box);
    const [oldest] = this.#boxes.keys();
    if (this.#boxes.size > MOST_CALLS && oldest !== undefined) this.#boxes.delete(oldest);
    return box;
  }

  /** Takes what the live feed says. */
  take(event: LiveEvent): void {
    const box = this.#boxes.get(event.callId);
    box?.take(event);
    if (event.type === "call.ended") box?.end();
  }

  /** The next person may not see what this one wrote. */
  clear(): void {
    this.#boxes.clear();
  }
}
