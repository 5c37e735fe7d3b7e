import type { Live } from "@partyline/client/cell";
import { useSyncExternalStore } from "react";

/** Reads a live value, and renders again when it changes. */
export function useLive<T>(live: Live<T>): T {
  return useSyncExternalStore(live.subscribe, live.get);
}
