import type { Mode } from "@partyline/client/contract";
import type { LiveRow } from "@partyline/client/liveList";
import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactElement, memo } from "react";
import { paths } from "../paths.ts";
import { useIsMine } from "../state/useUser.ts";
import { callerOf, listening, organizationOf, phone, statusWords } from "../words/call.ts";
import { MODES } from "../words/speaking.ts";
import { Duration } from "./Duration.tsx";
import { Icon } from "./Icon.tsx";

interface Props {
  row: LiveRow;
  clockOffsetMs: number;
  /** Its page is open. */
  open: boolean;
  /** How one takes part in it; `null`: it is not the one that is heard. */
  heard: Mode | null;
  /** Enter on the row of the open page listens to it. */
  onEnterOpen: (callId: string) => void;
}

/** One call as one sentence: who, with whom, for how long, heard by how many. */
export const CallRow = memo(function CallRow(props: Props): ReactElement {
  const { row, clockOffsetMs, open, heard, onEnterOpen } = props;
  const { call } = row;
  const mine = useIsMine(call);
  const over = row.leavesAt !== null;
  const { word, tone } = statusWords(call.status);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !open || over) return;
    event.preventDefault();
    onEnterOpen(call.id);
  };
  return (
    <li className="row" data-over={over} data-new={row.newUntil !== null} data-heard={heard !== null}>
      <Link
        className="row-link"
        to={paths.call}
        params={{ callId: call.id }}
        aria-current={open ? "page" : undefined}
        data-row={call.id}
        onKeyDown={onKeyDown}
      >
        <span className="row-status" data-tone={over ? "over" : tone}>
          <Icon name={over ? "check" : tone === "ringing" ? "ringing" : "phone"} />
        </span>
        <span className="row-who">{callerOf(call)}</span>
        <span className="row-with">
          {call.caller_name === null ? null : <>{phone(call.customer_number)} </>}
          <span className="quiet">{call.direction === "outbound" ? "called by" : "with"}</span>{" "}
          {organizationOf(call)}
        </span>
        <span className="row-long">
          <span className="hidden-text">, {over && tone === "live" ? "ended" : word.toLowerCase()}, </span>
          <Duration call={call} clockOffsetMs={clockOffsetMs} />
        </span>
        <span className="row-ears" data-any={call.listeners > 0}>
          {over ? (
            <>{tone === "live" ? "Ended" : word}</>
          ) : (
            <>
              {heard === null ? null : (
                <span className="row-heard" data-mode={mine ? undefined : heard}>
                  {mine ? "Your call" : MODES[heard].done}
                </span>
              )}
              {row.newUntil === null ? null : <span className="row-new">New</span>}
              {call.rings ? <span className="row-waits">Waits</span> : null}
              {call.bot === "failed" ? <span className="row-urgent">AI failed</span> : null}
              {call.bot === "paused" ? <span className="row-waits">AI paused</span> : null}
              {call.is_urgent ? <span className="row-urgent">Urgent</span> : null}
              <span className="hidden-text">, {listening(call.listeners)}</span>
              <span className="row-count digits" aria-hidden="true" title={listening(call.listeners)}>
                <Icon name="ear" />
                {call.listeners}
              </span>
            </>
          )}
        </span>
      </Link>
    </li>
  );
});
