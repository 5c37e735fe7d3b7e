/** How listening goes, in words. */

import type { MonitorState } from "@partyline/client/monitor";
import { describeListenProblem } from "./problem.ts";
import { secondsUntil } from "./time.ts";

/** The state in a few words, for the status line. */
export function describeMonitor(state: MonitorState, now: number): string {
  switch (state.kind) {
    case "idle":
      return "Not listening";
    case "connecting":
      return "Connecting…";
    case "live": {
      const { delayMs } = state.reception;
      return delayMs === null ? "Live" : `Live, ${roundDelay(delayMs)} ms behind the phone`;
    }
    case "reconnecting": {
      const begin = state.heard ? "Reconnecting…" : "No audio yet.";
      const why = state.problem === null ? "" : ` ${describeListenProblem(state.problem)}`;
      const when = state.retryAt === null ? "" : ` Trying again in ${secondsUntil(state.retryAt, now)} s.`;
      return begin + why + when;
    }
    case "ended":
      return state.callGoesOn
        ? "Audio ended. The call goes on, and you hear it again if its audio comes back."
        : "Call ended";
    case "stopped":
      return "Stopped. The call goes on.";
    case "failed":
      return describeListenProblem(state.problem);
  }
}

/** As `describeMonitor`, without figures that change each second: what is read aloud. */
export function announceMonitor(state: MonitorState): string {
  switch (state.kind) {
    case "live":
      return "Live.";
    case "reconnecting":
      return state.heard ? "Reconnecting" : "No audio yet, trying again";
    case "idle":
      return "";
    case "connecting":
    case "ended":
    case "stopped":
    case "failed":
      return describeMonitor(state, 0);
  }
}

/** Whether there is something to stop. */
export function isListening(state: MonitorState): boolean {
  switch (state.kind) {
    case "connecting":
    case "live":
    case "reconnecting":
      return true;
    case "idle":
    case "ended":
    case "stopped":
    case "failed":
      return false;
  }
}

/** To 10 ms: the last digit would only flicker. */
function roundDelay(ms: number): number {
  return Math.round(ms / 10) * 10;
}
