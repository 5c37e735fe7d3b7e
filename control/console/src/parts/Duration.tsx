import type { Call } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { useNow } from "../state/useNow.ts";
import { lengthMs } from "../words/call.ts";
import { clock, isoDuration } from "../words/time.ts";

interface Props {
  call: Call;
  clockOffsetMs: number;
}

/** How long a call goes on, ticking; how long it went on, once it is over. */
export function Duration({ call, clockOffsetMs }: Props): ReactElement {
  // What is over does not tick: a long list of records stands still.
  if (call.ended_at !== null) return <Length ms={lengthMs(call, 0)} />;
  return <Ticking call={call} clockOffsetMs={clockOffsetMs} />;
}

function Ticking({ call, clockOffsetMs }: Props): ReactElement {
  return <Length ms={lengthMs(call, useNow() + clockOffsetMs)} />;
}

function Length({ ms }: { ms: number }): ReactElement {
  return (
    <time className="digits" dateTime={isoDuration(ms)}>
      {clock(ms)}
    </time>
  );
}
