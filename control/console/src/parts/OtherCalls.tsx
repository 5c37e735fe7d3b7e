import type { Call } from "@partyline/client/contract";
import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { paths } from "../paths.ts";
import { useCallsWith } from "../state/useRecords.ts";
import { useRoom } from "../state/useRoom.ts";
import { needsAttention, statusWords } from "../words/call.ts";
import { Duration } from "./Duration.tsx";
import { Loaded } from "./Loaded.tsx";
import { When } from "./When.tsx";

/** Calls shown here; the list has all of them. */
const MOST_SHOWN = 5;

/** Other calls with the same person. */
export function OtherCalls({ call }: { call: Call }): ReactElement {
  const view = useCallsWith(call);
  return (
    <section className="card" aria-labelledby="others-title">
      <h3 id="others-title">Other calls with them</h3>
      <Loaded view={view} what="their other calls">
        {(calls) => <Lines calls={calls} number={call.customer_number} />}
      </Loaded>
    </section>
  );
}

function Lines({ calls, number }: { calls: readonly Call[]; number: string }): ReactElement {
  const room = useRoom();
  if (calls.length === 0) return <p className="quiet">None. This is the first.</p>;
  return (
    <>
      <ul className="events">
        {calls.slice(0, MOST_SHOWN).map((call) => (
          <li key={call.id} className="other">
            <Link to={room.call} params={{ callId: call.id }} search={true}>
              <When at={call.started_at} />
            </Link>
            <span className="quiet">
              {statusWords(call.status).word}
              {needsAttention(call) ? ", needs attention" : ""}
            </span>
            <Duration call={call} clockOffsetMs={0} />
          </li>
        ))}
      </ul>
      {calls.length > MOST_SHOWN ? (
        <p className="card-more">
          <Link to={paths.records} search={{ q: number }}>
            All of them
          </Link>
        </p>
      ) : null}
    </>
  );
}
