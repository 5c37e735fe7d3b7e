import type { Call } from "@partyline/client/contract";
import type { CallMonitor } from "@partyline/client/monitor";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { paths } from "../paths.ts";
import { useOwnCall } from "../state/useAnswer.ts";
import { useLive } from "../state/useLive.ts";
import { useNow } from "../state/useNow.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useSpeakerState } from "../state/useSpeaker.ts";
import { callerOf } from "../words/call.ts";
import { describeMonitor, isListening } from "../words/monitor.ts";
import { Audience } from "./Audience.tsx";

/** The call that is heard, while another page is shown. */
export function ListeningBar(): ReactElement | null {
  const { desk, feed } = usePartyline();
  const monitor = useLive(desk.current);
  const { rows } = useLive(feed.list);
  const { callId: open } = useParams({ strict: false });
  if (monitor === null) return null;
  const call = rows.find((row) => row.call.id === monitor.callId)?.call ?? null;
  if (open === monitor.callId || (call !== null && open === call.call_sid)) return null;
  return <Bar monitor={monitor} call={call} />;
}

function Bar({ monitor, call }: { monitor: CallMonitor; call: Call | null }): ReactElement | null {
  const { desk } = usePartyline();
  const state = useLive(monitor.state);
  const speaking = useSpeakerState(monitor);
  const mine = useOwnCall()?.id === monitor.callId;
  const now = useNow();
  if (state.kind === "idle" || state.kind === "stopped") return null;
  const listening = isListening(state);
  return (
    <aside className="bar" aria-label="Listening elsewhere" data-state={state.kind}>
      <span className="dot" aria-hidden="true" data-kind={state.kind} />
      <Link className="bar-who" to={paths.call} params={{ callId: monitor.callId }}>
        {call === null ? "A call" : callerOf(call)}
      </Link>
      <span className="bar-words digits">{describeMonitor(state, now)}</span>
      <Audience state={speaking} mine={mine} />
      <button type="button" className="button" onClick={listening ? desk.stop : desk.clear}>
        {listening ? (mine ? "Leave" : "Stop") : "Dismiss"}
      </button>
    </aside>
  );
}
