/** How well somebody hears a call, in words. */

import type { Hearing, Quality } from "@partyline/client/contract";

/** Somebody whose browser has not reported for so long is said to be silent, in ms. */
const SILENT_MS = 20_000;

/** A verdict, and what it stands on. */
export interface HearingWords {
  readonly tone: "good" | "fair" | "poor" | "unknown";
  readonly text: string;
  /** Figures; empty when there are none. */
  readonly detail: string;
}

/** What to say of how somebody hears it at `now` (server time, in ms). */
export function hearingWords(quality: Quality | null | undefined, now: number): HearingWords {
  if (quality === null || quality === undefined) {
    return { tone: "unknown", text: "No report yet", detail: "" };
  }
  const detail = figures(quality);
  const silentMs = now - Date.parse(quality.reported_at);
  if (silentMs > SILENT_MS) {
    return { tone: "unknown", text: `No report for ${Math.floor(silentMs / 1000)} s`, detail };
  }
  const { mos } = quality;
  if (mos === null || mos === undefined) return { tone: "unknown", text: "Measuring", detail };
  if (mos >= 4) return { tone: "good", text: "Hears well", detail };
  if (mos >= 3.5) return { tone: "fair", text: "Hears fairly", detail };
  return { tone: "poor", text: "Hears badly", detail };
}

/** What somebody's connection may do. */
export function modeWords(mode: Hearing["mode"]): string {
  switch (mode) {
    case "listen":
      return "listens";
    case "whisper":
      return "whispers to the agent";
    case "join":
      return "has joined";
    case "takeover":
      return "has taken over";
    default:
      return unknownMode(mode);
  }
}

function figures({ behind_ms: behind, loss_ratio: loss, jitter_ms: jitter }: Quality): string {
  // The gateway does not know of the browser's own buffer: "at least".
  const delay = typeof behind === "number" ? [`at least ${Math.round(behind)} ms behind`] : [];
  const lost = loss === 0 ? "nothing lost" : `${percent(loss)} lost`;
  return [...delay, lost, `jitter ${Math.round(jitter)} ms`].join(" · ");
}

function percent(ratio: number): string {
  return ratio < 0.001 ? "under 0.1 %" : `${(ratio * 100).toFixed(1)} %`;
}

function unknownMode(mode: never): string {
  return String(mode);
}
