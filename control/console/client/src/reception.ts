/** How well a call is received, from the statistics of its peer connection. */

/** Whether the two sides can be told apart: `together` is G.711, as the telephone has it. */
export type Voices = "apart" | "together";

/** What is said of a connection that carries audio. */
export interface Reception {
  readonly voices: Voices;
  /** How far what is heard lies behind the phone, in ms; null before it is known. */
  readonly delayMs: number | null;
  /** RTP packets since the connection began. */
  readonly packetsReceived: number;
  /** Of those that were sent, how many did not come. */
  readonly packetsLost: number;
  /** Time to the gateway and back, in ms; null before it is known. */
  readonly roundTripMs: number | null;
  /** Time in the browser's jitter buffer, in ms; null before it is known. */
  readonly bufferMs: number | null;
}

/** Before the first statistics. */
export const NO_RECEPTION: Reception = {
  voices: "apart",
  delayMs: null,
  packetsReceived: 0,
  packetsLost: 0,
  roundTripMs: null,
  bufferMs: null,
};

/**
 * What the gateway adds, in ms: it waits until a frame of 20 ms is whole before it encodes it.
 */
const GATEWAY_FRAME_MS = 20;

/**
 * Computes the delay behind the phone:
 *
 *     Δ jitterBufferDelay / Δ jitterBufferEmittedCount   since the last look, as W3C webrtc-stats defines them
 *   + currentRoundTripTime / 2                           of the nominated candidate pair
 *   + 20 ms                                              the gateway's frame
 *   + output                                             what the sound system says it adds
 *
 * What lies before the gateway (the phone's network and Twilio) cannot be measured from here and is not
 * in it.
 */
export class ReceptionMeter {
  readonly #voices: Voices;
  #bufferSeconds = 0;
  #emitted = 0;
  #bufferMs: number | null = null;

  constructor(voices: Voices = "apart") {
    this.#voices = voices;
  }

  /** Takes a report of `getStats` and the sound output's own delay in ms. */
  read(report: RTCStatsReport, outputMs: number): Reception {
    let received = 0;
    let lost = 0;
    let roundTripMs: number | null = null;
    for (const stats of entries(report)) {
      if (stats["type"] === "inbound-rtp" && stats["kind"] === "audio") {
        received = number(stats["packetsReceived"]) ?? 0;
        lost = number(stats["packetsLost"]) ?? 0;
        this.#takeBuffer(number(stats["jitterBufferDelay"]), number(stats["jitterBufferEmittedCount"]));
      } else if (stats["type"] === "candidate-pair" && stats["nominated"] === true) {
        const seconds = number(stats["currentRoundTripTime"]);
        if (seconds !== null) roundTripMs = seconds * 1000;
      }
    }
    const bufferMs = this.#bufferMs;
    return {
      voices: this.#voices,
      delayMs:
        bufferMs === null || roundTripMs === null
          ? null
          : Math.round(bufferMs + roundTripMs / 2 + GATEWAY_FRAME_MS + outputMs),
      packetsReceived: received,
      // Duplicates can bring the browser's count below nought (RFC 3550, section 6.4.1).
      packetsLost: Math.max(0, lost),
      roundTripMs,
      bufferMs,
    };
  }

  #takeBuffer(seconds: number | null, emitted: number | null): void {
    if (seconds === null || emitted === null) return;
    const samples = emitted - this.#emitted;
    // While both sides are silent nothing is sent and nothing emitted: the last value stands.
    if (samples > 0) this.#bufferMs = Math.max(0, ((seconds - this.#bufferSeconds) / samples) * 1000);
    this.#bufferSeconds = seconds;
    this.#emitted = emitted;
  }
}

function entries(report: RTCStatsReport): Record<string, unknown>[] {
  const all: Record<string, unknown>[] = [];
  report.forEach((stats: Record<string, unknown>) => all.push(stats));
  return all;
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
