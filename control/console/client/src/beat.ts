/** A beat that goes on in a tab that nobody looks at. */

import type { Beat } from "./gate.ts";

/**
 * Ticks in a worker: browsers slow the timers of hidden pages down to one a second, and those of workers not. Where
 * there are no workers the page's own timer serves, and a hidden tab is shut by the gateway.
 */
export const steadyBeat: Beat = (ms, tick) => {
  let worker: Worker;
  try {
    worker = new Worker(new URL("./beatWorker.ts", import.meta.url), { type: "module" });
  } catch {
    return plainBeat(ms, tick);
  }
  let stopPlain: (() => void) | null = null;
  worker.addEventListener("message", tick);
  // A worker that does not load says so only here.
  worker.addEventListener("error", () => {
    stopPlain ??= plainBeat(ms, tick);
  });
  // The rule takes a worker for a window: a worker's messages have no target origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  worker.postMessage(ms);
  return () => {
    worker.terminate();
    stopPlain?.();
  };
};

/** Ticks by the page's own timer. */
export const plainBeat: Beat = (ms, tick) => {
  const timer = setInterval(tick, ms);
  return () => clearInterval(timer);
};
