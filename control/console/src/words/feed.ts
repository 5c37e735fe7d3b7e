/** How fresh the live list is, in words. */

import type { FeedState } from "@partyline/client/liveList";
import { newCalls } from "./call.ts";
import { secondsUntil, span } from "./time.ts";

/** One word for the header. */
export function feedWord(feed: FeedState): string {
  switch (feed.kind) {
    case "loading":
      return "Connecting";
    case "current":
      return "Up to date";
    case "paused":
      return "Paused";
    case "unreachable":
      return "Offline";
    case "forbidden":
      return "No access";
  }
}

/** The banner over a list that is no longer fresh. */
export function pausedBanner(feed: FeedState & { kind: "paused" }, now: number): string {
  const next =
    feed.retryAt !== null && feed.retryAt - now > 1500
      ? `next try in ${secondsUntil(feed.retryAt, now)} s`
      : "reconnecting";
  return `Live list paused, ${span(now - feed.since)} old, ${next}`;
}

/** How the list changed, in one sentence to be read aloud; empty when it did not. */
export function describeChanges(came: number, ended: number): string {
  const parts: string[] = [];
  if (came > 0) parts.push(newCalls(came));
  if (ended > 0) parts.push(ended === 1 ? "1 call ended" : `${ended} calls ended`);
  return parts.join(", ");
}
