import { Cell } from "@partyline/client/cell";
import { useSyncExternalStore } from "react";

/** The local time in ms, moved on once a second while somebody looks: all clocks tick together. */
class Tick {
  readonly #now = new Cell(Date.now());
  #watchers = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  readonly get = (): number => this.#now.get();

  readonly subscribe = (onChange: () => void): (() => void) => {
    const leave = this.#now.subscribe(onChange);
    if (this.#watchers === 0) {
      this.#now.set(Date.now());
      this.#timer = setInterval(() => this.#now.set(Date.now()), 1000);
    }
    this.#watchers += 1;
    return () => {
      leave();
      this.#watchers -= 1;
      if (this.#watchers === 0) clearInterval(this.#timer);
    };
  };
}

const tick = new Tick();

/** The local time in ms. Renders again each second. */
export function useNow(): number {
  return useSyncExternalStore(tick.subscribe, tick.get);
}
