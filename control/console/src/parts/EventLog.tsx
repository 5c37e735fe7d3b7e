import type { ReactElement } from "react";
import { useCallEvents } from "../state/useCall.ts";
import { eventWords } from "../words/event.ts";
import { describeProblem } from "../words/problem.ts";
import { moment, timeOfDay } from "../words/time.ts";
import { Icon } from "./Icon.tsx";

/** What happened to a call, newest last. */
export function EventLog({ callId }: { callId: string }): ReactElement {
  return (
    <section className="card" aria-labelledby="events-title">
      <h3 id="events-title">What happened</h3>
      <EventLines callId={callId} />
    </section>
  );
}

function EventLines({ callId }: { callId: string }): ReactElement {
  const view = useCallEvents(callId);
  switch (view.kind) {
    case "loading":
      return <p className="quiet">Loading…</p>;
    case "problem":
      return (
        <p>
          {describeProblem(view.problem)}{" "}
          <button type="button" className="link-button" onClick={view.retry}>
            Try again
          </button>
        </p>
      );
    case "known":
      if (view.events.length === 0) return <p className="quiet">Nothing yet.</p>;
      return (
        <ol className="events">
          {view.events.map((event) => {
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
}
