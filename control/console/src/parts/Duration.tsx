import type { Call } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { useNow } from "../state/useNow.ts";
import { lengthMs } from "../words/call.ts";
import { clock, isoDuration } from "../words/time.ts";

/** How long a call goes on, ticking; how long it went on, once it is over. */
export function Duration({ call, clockOffsetMs }: { call: Call; clockOffsetMs: number }): ReactElement {
  const now = useNow();
  const ms = lengthMs(call, now + clockOffsetMs);
  return (
    <time className="digits" dateTime={isoDuration(ms)}>
      {clock(ms)}
    </time>
  );
}
