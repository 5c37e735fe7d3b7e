/** One person hears one call at a time, whichever page is shown. */

import { Cell, type Live } from "./cell.ts";
import { type Call, isActive } from "./contract.ts";
import type { LiveList } from "./liveList.ts";
import type { CallMonitor, Leave } from "./monitor.ts";

/** Audio that comes back within this time, in ms, is heard again without a click. */
const RESUME_WITHIN_MS = 120_000;

/** Starts, follows and stops the monitor of the call that is listened to. */
export class ListeningDesk {
  /** The monitor of the call last listened to; null before the first. */
  readonly current: Live<CallMonitor | null>;
  readonly #current = new Cell<CallMonitor | null>(null);
  readonly #list: Live<LiveList>;
  readonly #create: (callId: string) => CallMonitor;
  #seen: Call | null = null;
  #endedAt = 0;

  constructor(list: Live<LiveList>, create: (callId: string) => CallMonitor) {
    this.current = this.#current;
    this.#list = list;
    this.#create = create;
    list.subscribe(() => this.#follow());
  }

  /**
   * Listens to this call instead of the one before. Call it inside the handler of a click or key. With leave that was
   * given already, to what that leave is for.
   */
  readonly listen = (callId: string, leave?: Leave): void => {
    let monitor = this.#current.get();
    if (monitor?.callId !== callId) {
      monitor?.stop();
      monitor = this.#create(callId);
      this.#current.set(monitor);
    }
    this.#seen = this.#row(callId);
    monitor.start(leave);
  };

  /** Stops listening. */
  readonly stop = (): void => {
    this.#current.get()?.stop();
  };

  /** Stops, and forgets which call it was. */
  readonly clear = (): void => {
    this.stop();
    this.#current.set(null);
    this.#seen = null;
  };

  /** The live list knows of the end of a call before any packet does. */
  #follow(): void {
    const monitor = this.#current.get();
    if (monitor === null) return;
    const call = this.#row(monitor.callId);
    if (call === null || call === this.#seen) return;
    this.#seen = call;
    const state = monitor.state.get();
    if (!isActive(call.status)) {
      monitor.end(false);
    } else if (!call.media.live) {
      if (state.kind !== "ended") this.#endedAt = Date.now();
      monitor.end(true);
    } else if (
      state.kind === "ended" &&
      state.callGoesOn &&
      Date.now() - this.#endedAt < RESUME_WITHIN_MS
    ) {
      monitor.start();
    }
  }

  #row(callId: string): Call | null {
    const row = this.#list.get().rows.find(({ call }) => call.id === callId || call.call_sid === callId);
    if (row === undefined) return null;
    // A row that a snapshot no longer has is of a call that ended unseen: its record still says otherwise.
    const gone = row.leavesAt !== null && isActive(row.call.status);
    return gone ? { ...row.call, status: "completed" } : row.call;
  }
}
