/** How long to wait before trying again. */
export interface Backoff {
  /** The first wait, in ms, before jitter. */
  readonly firstMs: number;
  /** No wait is longer, in ms. */
  readonly longestMs: number;
}

/**
 * The wait in ms before retry number `attempt`, counted from 0.
 *
 * It doubles each time, and half of it is chance: after a restart of the server its clients do not all
 * come back in the same moment.
 */
export function backoffMs(attempt: number, { firstMs, longestMs }: Backoff, random = Math.random): number {
  // 2 ** 30 first waits are over any limit: the exponent stays small for any number of attempts.
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * random());
}
