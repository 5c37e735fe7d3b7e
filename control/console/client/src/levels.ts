/** From samples to what a level meter shows. */

/** The meter's lowest mark, in dBFS. */
export const FLOOR_DB = -60;
/** Above this, in dBFS, somebody is taken to speak. Line noise of a phone lies near -50. */
const SPEAKING_DB = -42;
/** A meter falls this fast, in dB a second; it rises at once. */
const FALL_DB_PER_S = 36;
/** Words stay this long, in ms, after the last loud moment: speech has pauses between words. */
const SPEAKING_HOLD_MS = 600;

/** The level of these samples in dBFS, from `FLOOR_DB` to 0: their root mean square. */
export function levelDb(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  if (sum === 0) return FLOOR_DB;
  return Math.min(0, Math.max(FLOOR_DB, 10 * Math.log10(sum / samples.length)));
}

/** One needle: rises at once, falls slowly. */
export class Needle {
  #db = FLOOR_DB;
  #at = 0;
  #loudAt = -Infinity;

  /** The level to show at `now` (ms), in dBFS, for samples of this level. */
  move(db: number, now: number): number {
    const fallen = this.#db - ((now - this.#at) / 1000) * FALL_DB_PER_S;
    this.#at = now;
    this.#db = Math.max(db, fallen, FLOOR_DB);
    if (db >= SPEAKING_DB) this.#loudAt = now;
    return this.#db;
  }

  /** Whether somebody speaks, or did a moment ago. */
  speaking(now: number): boolean {
    return now - this.#loudAt <= SPEAKING_HOLD_MS;
  }
}
