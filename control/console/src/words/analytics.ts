/** Figures over a time, in words. */

import type { CallStatus } from "@partyline/client/contract";
import { statusWords } from "./call.ts";

const STATUSES: readonly CallStatus[] = [
  "incoming",
  "in_progress",
  "completed",
  "failed",
  "no_answer",
  "busy",
  "canceled",
];

/** When a bucket begins. Days are UTC's, as control counts them; hours are the person's own. */
export function bucketWords(at: string, bucket: "day" | "hour"): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "–";
  return (bucket === "day" ? dayFormat : hourFormat).format(date);
}

/** The word for an end, or for what has none yet; what this build does not know keeps its own name. */
export function outcomeWord(status: string): string {
  const known = STATUSES.find((one) => one === status);
  if (known === undefined) return status.replaceAll("_", " ");
  return known === "completed" ? "Completed" : statusWords(known).word;
}

const dayFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const hourFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
