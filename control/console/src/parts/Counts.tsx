import type { LiveList } from "@partyline/client/liveList";
import type { ReactElement } from "react";
import { timeOfDay } from "../words/time.ts";

/** How many calls there are, in figures. Frozen, with the time, while the list is paused. */
export function Counts({ list }: { list: LiveList }): ReactElement | null {
  if (list.feed.kind !== "current" && list.feed.kind !== "paused") return null;
  const going = list.rows.filter((row) => row.leavesAt === null).map((row) => row.call);
  const live = going.filter((call) => call.status === "in_progress").length;
  const ringing = going.filter((call) => call.status === "incoming" || call.rings).length;
  const heard = going.filter((call) => call.listeners > 0).length;
  return (
    <dl className="counts">
      <Count name="live" value={live} />
      <Count name="ringing" value={ringing} />
      <Count name="listened to" value={heard} />
      {list.feed.kind === "paused" ? (
        <div className="counts-at">
          <dt className="hidden-text">as of</dt>
          <dd>at {timeOfDay(new Date(list.feed.since).toISOString())}</dd>
        </div>
      ) : null}
    </dl>
  );
}

function Count({ name, value }: { name: string; value: number }): ReactElement {
  return (
    <div className="count" data-any={value > 0}>
      <dd className="digits">{value}</dd>
      <dt>{name}</dt>
    </div>
  );
}
