import type { ReactElement } from "react";
import { useListeners } from "../state/useListeners.ts";
import { useNow } from "../state/useNow.ts";
import { hearingWords, modeWords } from "../words/hearing.ts";
import { describeProblem } from "../words/problem.ts";
import { moment, timeOfDay } from "../words/time.ts";
import { Icon } from "./Icon.tsx";

/** Who hears a call now, and how well. */
export function Listeners(props: { callId: string; clockOffsetMs: number }): ReactElement {
  return (
    <section className="card" aria-labelledby="listeners-title">
      <h3 id="listeners-title">Who hears it</h3>
      <Lines {...props} />
    </section>
  );
}

function Lines({ callId, clockOffsetMs }: { callId: string; clockOffsetMs: number }): ReactElement {
  const view = useListeners(callId);
  const now = useNow() + clockOffsetMs;
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
      if (view.listeners.length === 0) return <p className="quiet">Nobody.</p>;
      return (
        <ul className="events">
          {view.listeners.map(({ id, user, mode, since, quality }) => {
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
}
