import { Link } from "@tanstack/react-router";
import type { ReactElement, ReactNode } from "react";
import { paths } from "../paths.ts";
import { useStats } from "../state/useRecords.ts";
import { clock, span } from "../words/time.ts";

/** All calls in four figures. */
export function StatCards(): ReactElement {
  const view = useStats();
  const stats = view.kind === "known" ? view.data : null;
  const figure = (value: number | undefined) => value?.toLocaleString("en-GB") ?? "–";
  const average = stats?.average_duration_seconds ?? null;
  return (
    <dl
      className="stats"
      aria-busy={view.kind === "loading"}
      data-old={view.kind === "problem" || (view.kind === "known" && view.stale !== null)}
    >
      <Stat name="All calls">{figure(stats?.total)}</Stat>
      <Stat name="Today" hint="Begun since midnight UTC">
        {figure(stats?.today)}
      </Stat>
      <Stat name="Need attention" marked={(stats?.needs_attention ?? 0) > 0}>
        <Link to={paths.records} search={{ show: "attention" }} title="Show them">
          {figure(stats?.needs_attention)}
        </Link>
      </Stat>
      <Stat name="Average length">
        {average === null ? (
          "–"
        ) : (
          <span title={span(average * 1000)}>{clock(Math.round(average) * 1000)}</span>
        )}
      </Stat>
    </dl>
  );
}

function Stat(props: { name: string; hint?: string; marked?: boolean; children: ReactNode }): ReactElement {
  return (
    <div className="stat" data-marked={props.marked === true} title={props.hint}>
      <dt>{props.name}</dt>
      <dd className="digits">{props.children}</dd>
    </div>
  );
}
