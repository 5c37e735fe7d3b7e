import { Cell, type Live } from "@partyline/client/cell";
import type { CallMonitor, MonitorState } from "@partyline/client/monitor";
import { useLive } from "./useLive.ts";
import { usePartyline } from "./usePartyline.ts";

/** The state of a call that nobody here listens to. */
export const IDLE: Live<MonitorState> = new Cell<MonitorState>({ kind: "idle" });

/** The monitor of this call, if it is the one on the desk. */
export function useMonitorOf(callId: string): CallMonitor | null {
  const monitor = useLive(usePartyline().desk.current);
  return monitor?.callId === callId ? monitor : null;
}
