import type { Hearing } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { useListeners } from "../state/useListeners.ts";
import { useNow } from "../state/useNow.ts";
import { hearingWords, modeWords } from "../words/hearing.ts";
import { moment, timeOfDay } from "../words/time.ts";
import { Icon } from "./Icon.tsx";
import { Loaded } from "./Loaded.tsx";

/** Who hears a call now, and how well. */
export function Listeners(props: { callId: string; clockOffsetMs: number }): ReactElement {
  const view = useListeners(props.callId);
  return (
    <section className="card" aria-labelledby="listeners-title">
      <h3 id="listeners-title">Who hears it</h3>
      <Loaded view={view} what="who hears it">
        {(listeners) => <Lines listeners={listeners} clockOffsetMs={props.clockOffsetMs} />}
      </Loaded>
    </section>
  );
}

function Lines(props: { listeners: readonly Hearing[]; clockOffsetMs: number }): ReactElement {
  const now = useNow() + props.clockOffsetMs;
  if (props.listeners.length === 0) return <p className="quiet">Nobody.</p>;
  return (
    <ul className="events">
      {props.listeners.map(({ id, user, mode, since, quality }) => {
        const { tone, text, detail } = hearingWords(quality, now);
        return (
          <li key={id} className="event">
            <time className="digits quiet" dateTime={since} title={moment(since)}>
              {timeOfDay(since)}
            </time>
            <Icon name="ear" />
            <span>
              {user.name} <span className="quiet">{modeWords(mode)}</span>
              <br />
              <span className="hearing" data-tone={tone}>
                {text}
              </span>
              {detail === "" ? null : <span className="quiet"> · {detail}</span>}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
