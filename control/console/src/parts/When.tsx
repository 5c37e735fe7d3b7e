import type { ReactElement } from "react";
import { useMinute } from "../state/useNow.ts";
import { dayAndTime, moment } from "../words/time.ts";

/** Day and time, near ones by their names; in full for a closer look. */
export function When({ at }: { at: string }): ReactElement {
  const now = useMinute();
  return (
    <time className="digits" dateTime={at} title={moment(at)}>
      {dayAndTime(at, now)}
    </time>
  );
}
