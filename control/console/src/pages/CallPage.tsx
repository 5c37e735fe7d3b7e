import type { Call } from "@partyline/client/contract";
import { isActive } from "@partyline/client/contract";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { CallFacts } from "../parts/CallFacts.tsx";
import { Duration } from "../parts/Duration.tsx";
import { EventLog } from "../parts/EventLog.tsx";
import { Icon } from "../parts/Icon.tsx";
import { Listeners } from "../parts/Listeners.tsx";
import { Notice } from "../parts/Notice.tsx";
import { Player } from "../parts/Player.tsx";
import { StatusPill } from "../parts/StatusPill.tsx";
import { paths } from "../paths.ts";
import { useCall } from "../state/useCall.ts";
import { useLive } from "../state/useLive.ts";
import { useMonitorOf } from "../state/useMonitorOf.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { callerOf, organizationOf, phone } from "../words/call.ts";
import { describeProblem } from "../words/problem.ts";
import { moment, timeOfDay } from "../words/time.ts";

/** One call: who, since when, and its sound. */
export default function CallPage(): ReactElement {
  const { callId } = useParams({ from: paths.call });
  const view = useCall(callId);
  return (
    <article className="call">
      <Link className="back" to={paths.calls}>
        <Icon name="back" />
        All calls
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
            <span className="quiet">since</span>{" "}
            <time className="digits" dateTime={call.started_at} title={moment(call.started_at)}>
              {timeOfDay(call.started_at)}
            </time>
          </span>
          <span className="call-long">
            <span className="quiet">{over ? "took" : "for"}</span>{" "}
            <Duration call={call} clockOffsetMs={clockOffsetMs} />
          </span>
        </p>
      </header>
      <Player call={call} monitor={monitor} />
      <div className="call-more">
        {over ? null : <Listeners callId={call.id} clockOffsetMs={clockOffsetMs} />}
        <EventLog callId={call.id} />
        <CallFacts call={call} />
      </div>
    </>
  );
}
