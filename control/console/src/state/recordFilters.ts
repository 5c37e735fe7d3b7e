/** Which records are shown: in the address, so that a list can be sent to somebody. */

import type { CallQuery, CallStatus } from "@partyline/client/contract";

/** The tabs over the list. */
export type Shown = "attention" | "handled" | "live";

/** How a call that is over ended. */
export type Outcome = (typeof OUTCOMES)[number];

/** Filters as they stand in the address: what is not there filters nothing. */
export interface RecordFilters {
  readonly show?: Shown;
  readonly outcome?: Outcome;
  readonly urgent?: true;
  readonly q?: string;
  /** Our number, E.164. */
  readonly number?: string;
  /** First day, `yyyy-mm-dd`, in the person's own zone. */
  readonly from?: string;
  /** Last day, as `from`. */
  readonly to?: string;
}

/** What to change of filters; `undefined` takes one away. */
export type FilterChanges = { [Name in keyof RecordFilters]?: RecordFilters[Name] | undefined };

/** All ends of a call. */
export const OUTCOMES = ["completed", "no_answer", "busy", "failed", "canceled"] as const;
const LIVE: readonly CallStatus[] = ["incoming", "in_progress"];
const SHOWN: readonly Shown[] = ["attention", "handled", "live"];
/** Longest search, in UTF-16 units: control takes 200 bytes. */
export const LONGEST_SEARCH = 60;

/** Filters from an address. What is no filter is left out: an old link still leads somewhere. */
export function readFilters(search: Record<string, unknown>): RecordFilters {
  const text = (name: string): string | undefined => {
    const value = search[name];
    // The router reads digits as a number.
    const words = typeof value === "number" ? String(value) : value;
    return typeof words === "string" && words !== "" ? words.slice(0, LONGEST_SEARCH) : undefined;
  };
  const one = <T extends string>(name: string, known: readonly T[]) =>
    known.find((word) => word === search[name]);
  const number = text("number");
  return clean({
    show: one("show", SHOWN),
    outcome: one("outcome", OUTCOMES),
    urgent: search["urgent"] === true ? true : undefined,
    q: text("q"),
    number: number !== undefined && !number.startsWith("+") ? `+${number}` : number,
    from: day(text("from")),
    to: day(text("to")),
  });
}

/** Filters with these changes. */
export function changeFilters(filters: RecordFilters, changes: FilterChanges): RecordFilters {
  return clean({ ...filters, ...changes });
}

/** Whether anything is filtered. */
export function isFiltered(filters: RecordFilters): boolean {
  return Object.keys(filters).length > 0;
}

/** What control is asked. Days begin at midnight of this person's zone. */
export function queryOf(filters: RecordFilters): CallQuery {
  const { show, outcome, urgent, q, number, from, to } = filters;
  const query: CallQuery = {};
  if (show === "live") query.status = LIVE.join(",");
  else if (outcome !== undefined) query.status = outcome;
  else if (show === "attention") query.status = OUTCOMES.join(",");
  if (show === "attention") query.handled = false;
  if (show === "handled") query.handled = true;
  if (urgent === true) query.urgent = true;
  if (q !== undefined && q.trim() !== "") query.q = q.trim();
  if (number !== undefined) query.number = number;
  if (from !== undefined) query.from = midnight(from, 0);
  if (to !== undefined) query.to = midnight(to, 1);
  return query;
}

/** The beginning of a day, or of one `later` days after it. */
function midnight(date: string, later: number): string {
  const [year = 0, month = 1, dayOfMonth = 1] = date.split("-").map(Number);
  return new Date(year, month - 1, dayOfMonth + later).toISOString();
}

function day(text: string | undefined): string | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  // 2026-02-31 is no day.
  const date = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text ? undefined : text;
}

function clean(filters: {
  [Name in keyof RecordFilters]?: RecordFilters[Name] | undefined;
}): RecordFilters {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
}
