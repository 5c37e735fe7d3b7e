import { type Call, isActive } from "@partyline/client/contract";
import type { ReactElement, ReactNode } from "react";
import { organizationOf, people, phone } from "../words/call.ts";
import { botWords } from "../words/speaking.ts";
import { moment, timeOfDay } from "../words/time.ts";

/** What is known of a call. */
export function CallFacts({ call }: { call: Call }): ReactElement {
  return (
    <section className="card" aria-labelledby="facts-title">
      <h3 id="facts-title">Details</h3>
      <dl className="facts">
        <Fact name="Caller">{call.caller_name ?? "Name unknown"}</Fact>
        <Fact name="Number">{phone(call.customer_number)}</Fact>
        <Fact name="Our number">{organizationOf(call)}</Fact>
        <Fact name="Direction">
          {call.direction === "outbound" ? "Outbound, we called" : "Inbound, they called"}
        </Fact>
        <Fact name="Began">
          <Moment at={call.started_at} />
        </Fact>
        <Fact name="Answered">
          {call.answered_at === null ? "Not yet" : <Moment at={call.answered_at} />}
        </Fact>
        {call.answered_by === null ? null : <Fact name="Answered by">{call.answered_by.name}</Fact>}
        {call.bot === null ? null : <Fact name="AI">{botWords(call.bot).word}</Fact>}
        {call.ended_at === null ? null : (
          <Fact name="Ended">
            <Moment at={call.ended_at} />
          </Fact>
        )}
        {isActive(call.status) ? <Fact name="Listening">{people(call.listeners)}</Fact> : null}
        {call.tags.length === 0 ? null : (
          <Fact name="Tags">
            <span className="tags">
              {call.tags.map((tag) => (
                <span key={tag} className="tag">
                  {tag}
                </span>
              ))}
            </span>
          </Fact>
        )}
        <Fact name="Call id">
          <code>{call.id}</code>
        </Fact>
        <Fact name="Twilio sid">
          <code>{call.call_sid}</code>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactElement {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ at }: { at: string }): ReactElement {
  return (
    <time className="digits" dateTime={at} title={moment(at)}>
      {timeOfDay(at)}
    </time>
  );
}
