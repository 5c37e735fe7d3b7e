import type { Analytics } from "@partyline/client/contract";
import { useQuery } from "@tanstack/react-query";
import { usePartyline } from "./usePartyline.ts";
import { type View, viewOf } from "./view.ts";

/** How far back the figures go. */
export type Span = (typeof SPANS)[number]["value"];

/** Spans that can be chosen; `buckets` of an hour or a day each, the last one being now. */
export const SPANS = [
  { value: "day", word: "24 hours", bucket: "hour", buckets: 24 },
  { value: "week", word: "7 days", bucket: "day", buckets: 7 },
  { value: "month", word: "30 days", bucket: "day", buckets: 30 },
  { value: "quarter", word: "90 days", bucket: "day", buckets: 90 },
] as const;

/** The span that is chosen at first, and by an address that names none. */
export const FIRST_SPAN: Span = "month";

const HOUR_MS = 3_600_000;

/** The span that an address names. */
export function readSpan(search: Record<string, unknown>): { span?: Span } {
  const found = SPANS.find(({ value }) => value === search["span"]);
  return found === undefined || found.value === FIRST_SPAN ? {} : { span: found.value };
}

/** Figures of the calls that began in this span. */
export function useAnalytics(span: Span): View<Analytics> {
  const { api } = usePartyline();
  const query = useQuery({
    queryKey: ["analytics", span],
    queryFn: ({ signal }) => {
      const { bucket, buckets } = SPANS.find(({ value }) => value === span) ?? SPANS[2];
      const from = new Date(Date.now() - (buckets - 1) * (bucket === "hour" ? HOUR_MS : 24 * HOUR_MS));
      return api.analytics({ bucket, from: from.toISOString() }, signal);
    },
  });
  return viewOf(query);
}

/** Counts of the day's hours in UTC as this person's clock has them, to the whole hour. */
export function localHours(
  utc: readonly number[],
  offsetMinutes = new Date().getTimezoneOffset(),
): number[] {
  const ahead = Math.round(-offsetMinutes / 60);
  return utc.map((_, hour) => utc[(((hour - ahead) % 24) + 24) % 24] ?? 0);
}
