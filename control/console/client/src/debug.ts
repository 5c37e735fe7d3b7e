/**
 * The connection report: what an engineer asks for when a call is not heard well.
 *
 * `globalThis.partylineDebug` gives it on the browser's console, and gives tests the received stream.
 * It holds nothing that the page does not already have, and no token.
 */

import type { ListeningDesk } from "./desk.ts";
import type { MonitorState } from "./monitor.ts";

/** A connection in figures. */
export interface ConnectionReport {
  readonly callId: string | null;
  readonly state: MonitorState;
  readonly connection: RTCPeerConnectionState | null;
  /** Every entry of `RTCPeerConnection.getStats`, as it came. */
  readonly stats: unknown[];
}

/** Found at `globalThis.partylineDebug`. */
export interface PartylineDebug {
  /** Figures of the connection, as plain JSON. */
  report(): Promise<ConnectionReport>;
  /** The received stream: caller left, agent right; before volume, solo and limiter. Null when not connected. */
  stream(): MediaStream | null;
  /** The peer connection; null when there is none. */
  peer(): RTCPeerConnection | null;
}

declare global {
  var partylineDebug: PartylineDebug | undefined;
}

/** Diagnosis of what this desk listens to. */
export function createDebug(desk: ListeningDesk): PartylineDebug {
  const session = () => desk.current.get()?.session() ?? null;
  return {
    async report() {
      const peer = session()?.peer ?? null;
      const stats: unknown[] = [];
      (await peer?.getStats())?.forEach((entry: unknown) => stats.push(entry));
      const monitor = desk.current.get();
      return {
        callId: monitor?.callId ?? null,
        state: monitor?.state.get() ?? { kind: "idle" },
        connection: peer?.connectionState ?? null,
        stats,
      };
    },
    stream: () => session()?.stream ?? null,
    peer: () => session()?.peer ?? null,
  };
}
