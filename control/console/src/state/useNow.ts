import { Cell } from "@partyline/client/cell";
import { useSyncExternalStore } from "react";

/** The local time in ms, moved on from time to time while somebody looks: all clocks tick together. */
class Tick {
  readonly #now = new Cell(Date.now());
  readonly #everyMs: number;
  #watchers = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  readonly get = (): number => this.#now.get();

  readonly subscribe = (onChange: () => void): (() => void) => {
    const leave = this.#now.subscribe(onChange);
    if (this.#watchers === 0) {
      this.#now.set(Date.now());
      this.#timer = setInterval(() => this.#now.set(Date.now()), this.#everyMs);
    }
    this.#watchers += 1;
    return () => {
      leave();
      this.#watchers -= 1;
      if (this.#watchers === 0) clearInterval(this.#timer);
    };
  };
}

const seconds = new Tick(1000);
const minutes = new Tick(60_000);

/** The local time in ms. Renders again each second. */
export function useNow(): number {
  return useSyncExternalStore(seconds.subscribe, seconds.get);
}

/** The local time in ms. Renders again each minute. */
export function useMinute(): number {
  return useSyncExternalStore(minutes.subscribe, minutes.get);
}
