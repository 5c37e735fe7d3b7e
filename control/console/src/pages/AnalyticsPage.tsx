import type { Analytics, Figures } from "@partyline/client/contract";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { type Bar, Bars, Shares } from "../parts/Bars.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { Notice } from "../parts/Notice.tsx";
import { Segments } from "../parts/Segments.tsx";
import { paths } from "../paths.ts";
import { FIRST_SPAN, SPANS, localHours, useAnalytics } from "../state/useAnalytics.ts";
import { bucketWords, outcomeWord } from "../words/analytics.ts";
import { clock, span as spanWords } from "../words/time.ts";

/** How many calls there were and when, how they ended, how long they took. */
export default function AnalyticsPage(): ReactElement {
  const { span = FIRST_SPAN } = useSearch({ from: paths.analytics });
  const navigate = useNavigate();
  const view = useAnalytics(span);
  return (
    <main id="main" className="analytics" tabIndex={-1}>
      <header className="analytics-head">
        <h1>Analytics</h1>
        <Segments
          legend="Of which time"
          name="span"
          options={SPANS}
          value={span}
          onChange={(value) =>
            void navigate({ to: paths.analytics, search: { span: value }, replace: true })
          }
        />
      </header>
      <Loaded view={view} what="the figures" size="page">
        {(analytics) =>
          analytics.totals.calls === 0 ? (
            <Notice icon="bars" title="No calls in this time">
              <p>Figures appear here with the first call to your numbers.</p>
            </Notice>
          ) : (
            <Report analytics={analytics} />
          )
        }
      </Loaded>
    </main>
  );
}

function Report({ analytics }: { analytics: Analytics }): ReactElement {
  const { totals, series, bucket, hours_of_day: hours } = analytics;
  const isDays = bucket === "day";
  return (
    <>
      <Totals totals={totals} />
      <Bars
        title={isDays ? "Calls by day" : "Calls by hour"}
        names={[isDays ? "Day" : "Hour", "Calls", "Answered"]}
        bars={series.map(({ at, calls, answered }): Bar => ({
          label: bucketWords(at, bucket),
          value: calls,
          part: answered,
        }))}
      />
      <div className="analytics-pair">
        <Bars
          title="By hour of the day"
          names={["Hour", "Calls"]}
          bars={localHours(hours).map((value, hour) => ({
            label: String(hour).padStart(2, "0"),
            value,
          }))}
        />
        <Shares
          title="How long they took"
          bars={[
            { label: "Under 30 seconds", value: totals.durations.under_30_seconds },
            { label: "30 seconds to 2 minutes", value: totals.durations.under_2_minutes },
            { label: "2 to 5 minutes", value: totals.durations.under_5_minutes },
            { label: "5 to 15 minutes", value: totals.durations.under_15_minutes },
            { label: "15 minutes or longer", value: totals.durations.longer },
          ]}
        />
        <Shares
          title="How they ended"
          bars={Object.entries(totals.by_status)
            .toSorted(([, a], [, b]) => b - a)
            .map(([status, value]) => ({ label: outcomeWord(status), value }))}
        />
      </div>
      <p className="quiet analytics-note">
        Days are days in UTC. Hours of the day are your own clock's, as it stands now.
      </p>
    </>
  );
}

function Totals({ totals }: { totals: Figures }): ReactElement {
  const { calls, answered, handled, talk_seconds: talk, average_duration_seconds: average } = totals;
  const share = calls === 0 ? "–" : `${Math.round((answered / calls) * 100)} %`;
  return (
    <dl className="stats">
      <Total name="Calls">{calls.toLocaleString("en-GB")}</Total>
      <Total name="Answered" title={`${answered} of ${calls}`}>
        {share}
      </Total>
      <Total name="Average length" title={typeof average === "number" ? spanWords(average * 1000) : ""}>
        {typeof average === "number" ? clock(Math.round(average) * 1000) : "–"}
      </Total>
      <Total name="Talked, together">{spanWords(talk * 1000)}</Total>
      <Total name="Taken care of">{handled.toLocaleString("en-GB")}</Total>
    </dl>
  );
}

function Total(props: { name: string; title?: string; children: ReactNode }): ReactElement {
  return (
    <div className="stat" title={props.title}>
      <dt>{props.name}</dt>
      <dd className="digits">{props.children}</dd>
    </div>
  );
}
