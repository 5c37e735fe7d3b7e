import type { Call } from "@partyline/client/contract";
import { isActive } from "@partyline/client/contract";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { BotPanel } from "../parts/BotPanel.tsx";
import { CallFacts } from "../parts/CallFacts.tsx";
import { DeleteCall } from "../parts/DeleteCall.tsx";
import { Duration } from "../parts/Duration.tsx";
import { EventLog } from "../parts/EventLog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Listeners } from "../parts/Listeners.tsx";
import { Notice } from "../parts/Notice.tsx";
import { OtherCalls } from "../parts/OtherCalls.tsx";
import { Player } from "../parts/Player.tsx";
import { RecordForm, RecordNotes } from "../parts/RecordForm.tsx";
import { SaveCall } from "../parts/SaveCall.tsx";
import { SayPanel } from "../parts/SayPanel.tsx";
import { StatusPill } from "../parts/StatusPill.tsx";
import { Transcript } from "../parts/Transcript.tsx";
import { Triage, TriageMarks } from "../parts/Triage.tsx";
import { When } from "../parts/When.tsx";
import { useCall } from "../state/useCall.ts";
import { useLive } from "../state/useLive.ts";
import { useMonitorOf } from "../state/useMonitorOf.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useRoom } from "../state/useRoom.ts";
import { useIsMine, useRights } from "../state/useUser.ts";
import { callerOf, organizationOf, phone } from "../words/call.ts";
import { describeProblem } from "../words/problem.ts";
import { moment, timeOfDay } from "../words/time.ts";

/** One call: who, since when, and its sound. */
export default function CallPage(): ReactElement {
  const { callId = "" } = useParams({ strict: false });
  const room = useRoom();
  const view = useCall(callId);
  return (
    <article className="call">
      <Link className="back" to={room.list} search={true} data-always={room.isRecords}>
        <Icon name="back" />
        {room.isRecords ? "All records" : "All calls"}
      </Link>
      {view.kind === "loading" ? (
        <div className="skeletons" role="status">
          <span className="hidden-text">Loading the call</span>
          <div className="skeleton" />
          <div className="skeleton tall" />
        </div>
      ) : null}
      {view.kind === "problem" ? (
        <Notice
          icon="warning"
          tone="wrong"
          title={view.problem.kind === "not_found" ? "There is no such call" : "The call cannot be shown"}
        >
          <p>
            {view.problem.kind === "not_found"
              ? "Its address may be wrong, or it belongs to another organization."
              : describeProblem(view.problem)}
          </p>
          <button type="button" className="button" onClick={view.retry}>
            Try again
          </button>
        </Notice>
      ) : null}
      {view.kind === "known" ? <CallView key={view.call.id} call={view.call} /> : null}
    </article>
  );
}

function CallView({ call }: { call: Call }): ReactElement {
  const { feed } = usePartyline();
  const { clockOffsetMs } = useLive(feed.list);
  const monitor = useMonitorOf(call.id);
  const { changeCalls, administer, listenToAll, speak } = useRights();
  const mine = useIsMine(call);
  const over = !isActive(call.status);
  return (
    <>
      <header className="call-head">
        <StatusPill status={call.status} />
        <h2>{callerOf(call)}</h2>
        <p className="call-sub">
          {call.caller_name === null ? null : <span>{phone(call.customer_number)}</span>}
          <span>
            <span className="quiet">{call.direction === "outbound" ? "called by" : "with"}</span>{" "}
            {organizationOf(call)}
          </span>
          <span>
            <span className="quiet">{over ? "began" : "since"}</span>{" "}
            {over ? (
              <When at={call.started_at} />
            ) : (
              <time className="digits" dateTime={call.started_at} title={moment(call.started_at)}>
                {timeOfDay(call.started_at)}
              </time>
            )}
          </span>
          <span className="call-long">
            <span className="quiet">{over ? "took" : "for"}</span>{" "}
            <Duration call={call} clockOffsetMs={clockOffsetMs} />
          </span>
        </p>
        {changeCalls ? <Triage call={call} /> : <TriageMarks call={call} />}
      </header>
      {over ? null : <BotPanel call={call} />}
      {over && monitor === null ? null : listenToAll || mine ? (
        <Player call={call} monitor={monitor} />
      ) : (
        <NotOwn call={call} />
      )}
      {!over && (speak || mine) && call.route === "agent" ? <SayPanel call={call} /> : null}
      <Summary call={call} />
      <Transcript call={call} />
      <div className="call-more">
        <div className="stack">
          {changeCalls ? <RecordForm call={call} /> : <RecordNotes call={call} />}
          {over ? null : <Listeners callId={call.id} clockOffsetMs={clockOffsetMs} />}
          <OtherCalls call={call} />
        </div>
        <div className="stack">
          <EventLog callId={call.id} />
          <CallFacts call={call} />
          <div className="record-acts">
            {speak ? <SaveCall call={call} /> : null}
            {over && administer ? <DeleteCall call={call} /> : null}
          </div>
        </div>
      </div>
    </>
  );
}

/** In place of the player, for agents: they hear what is theirs. */
function NotOwn({ call }: { call: Call }): ReactElement | null {
  if (!isActive(call.status)) return null;
  return (
    <p className="card not-own">
      <Icon name={call.rings ? "ringing" : "ear"} />
      {call.rings
        ? "This call waits for somebody to answer it."
        : call.answered_by === null
          ? "Agents hear the calls that they have answered."
          : `${call.answered_by.name} has answered this call. Agents hear their own calls.`}
    </p>
  );
}

/** What the call was about, when somebody or something has put it into words. */
function Summary({ call }: { call: Call }): ReactElement | null {
  if (call.summary === null && call.intent === null) return null;
  return (
    <section className="card" aria-labelledby="summary-title">
      <h3 id="summary-title">{call.intent ?? "Summary"}</h3>
      {call.summary === null ? null : <p className="written">{call.summary}</p>}
    </section>
  );
}
