import type { Call } from "@partyline/client/contract";
import { isActive } from "@partyline/client/contract";
import { Link } from "@tanstack/react-router";
import { type ReactElement, memo } from "react";
import { paths } from "../paths.ts";
import { callerOf, needsAttention, organizationOf, phone, statusWords } from "../words/call.ts";
import { Duration } from "./Duration.tsx";
import { Icon } from "./Icon.tsx";
import { When } from "./When.tsx";

/** Tags that fit into a row. */
const MOST_TAGS = 3;

/** One record: who, with whom, when, for how long, and what is left to do. */
export const RecordRow = memo(function RecordRow({
  call,
  open,
}: {
  call: Call;
  open: boolean;
}): ReactElement {
  const { word, tone } = statusWords(call.status);
  return (
    <li className="row">
      <Link
        className="row-link record"
        to={paths.record}
        params={{ callId: call.id }}
        search={true}
        aria-current={open ? "page" : undefined}
        data-row={call.id}
      >
        <span className="row-status" data-tone={tone} title={word}>
          <Icon name={ICONS[tone]} />
        </span>
        <span className="row-who">{callerOf(call)}</span>
        <span className="row-with">
          {call.caller_name === null ? null : <>{phone(call.customer_number)} </>}
          <span className="quiet">{call.direction === "outbound" ? "called by" : "with"}</span>{" "}
          {organizationOf(call)}
        </span>
        <span className="row-when">
          <span className="hidden-text">, </span>
          <When at={call.started_at} />
        </span>
        <span className="row-long">
          <span className="hidden-text">, {word.toLowerCase()}, </span>
          {call.answered_at === null && !isActive(call.status) ? (
            <span className="row-unanswered">{word}</span>
          ) : (
            <Duration call={call} clockOffsetMs={0} />
          )}
        </span>
        <Marks call={call} />
      </Link>
    </li>
  );
});

const ICONS = { ringing: "ringing", live: "phone", over: "check", failed: "cross" } as const;

function Marks({ call }: { call: Call }): ReactElement {
  return (
    <span className="row-marks">
      {isActive(call.status) ? <span className="row-live">Live</span> : null}
      {call.is_urgent ? <span className="row-urgent">Urgent</span> : null}
      {needsAttention(call) ? <span className="row-attention">Needs attention</span> : null}
      {call.is_handled ? (
        <span className="row-handled">
          <Icon name="check" />
          Handled
        </span>
      ) : null}
      {call.tags.slice(0, MOST_TAGS).map((tag) => (
        <span key={tag} className="tag">
          {tag}
        </span>
      ))}
      {call.tags.length > MOST_TAGS ? <span className="quiet">+{call.tags.length - MOST_TAGS}</span> : null}
    </span>
  );
}
