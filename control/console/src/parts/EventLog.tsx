import type { CallEvent } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { useCallEvents } from "../state/useCall.ts";
import { eventWords } from "../words/event.ts";
import { moment, timeOfDay } from "../words/time.ts";
import { Icon } from "./Icon.tsx";
import { Loaded } from "./Loaded.tsx";

/** What happened to a call, newest last. */
export function EventLog({ callId }: { callId: string }): ReactElement {
  const view = useCallEvents(callId);
  return (
    <section className="card" aria-labelledby="events-title">
      <h3 id="events-title">What happened</h3>
      <Loaded view={view} what="the history">
        {(events) => <Lines events={events} />}
      </Loaded>
    </section>
  );
}

function Lines({ events }: { events: readonly CallEvent[] }): ReactElement {
  if (events.length === 0) return <p className="quiet">Nothing yet.</p>;
  return (
    <ol className="events">
      {events.map((event) => {
        const { icon, text, detail } = eventWords(event);
        return (
          <li key={event.seq} className="event">
            <time className="digits quiet" dateTime={event.at} title={moment(event.at)}>
              {timeOfDay(event.at)}
            </time>
            <Icon name={icon} />
            <span>
              {text}
              {detail === "" ? null : <span className="quiet"> · {detail}</span>}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
