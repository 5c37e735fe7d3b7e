/** The list of live calls as a value, and how it changes. No socket and no clock here. */

import { type Call, isActive } from "./contract.ts";
import { isRecord } from "./problem.ts";

/** How fresh the list is. */
export type FeedState =
  /** Nothing is known yet. */
  | { kind: "loading" }
  /** Changes are shown as they happen. */
  | { kind: "current" }
  /** The connection is lost. The list is as it was at `since` (local time in ms). */
  | { kind: "paused"; since: number; retryAt: number | null }
  /** Nothing is known, and control cannot be reached. */
  | { kind: "unreachable"; retryAt: number | null }
  /** This person may not see live calls. */
  | { kind: "forbidden"; detail: string };

/** A call in the list. */
export interface LiveRow {
  readonly call: Call;
  /** Until when it counts as new (local time in ms); null when it does not. */
  readonly newUntil: number | null;
  /** When it leaves the list (local time in ms); null while the call goes on. */
  readonly leavesAt: number | null;
}

/** What is known of the calls that go on. */
export interface LiveList {
  readonly feed: FeedState;
  /** Newest first. */
  readonly rows: readonly LiveRow[];
  /** Server time minus local time, in ms: durations are counted by the server's clock. */
  readonly clockOffsetMs: number;
  /** Number of the last event taken; null before the first. */
  readonly seq: number | null;
}

/** How long a new call is marked, in ms. */
export const NEW_FOR_MS = 4000;
/** How long an ended call stays, in ms. */
export const ENDED_FOR_MS = 12_000;
/** Most calls kept. The oldest beyond it are left out; the API has them all. */
export const MOST_ROWS = 5000;

/** The list before anything is known. */
export const EMPTY_LIST: LiveList = { feed: { kind: "loading" }, rows: [], clockOffsetMs: 0, seq: null };

/** What the socket says, as far as this build understands it. */
export type LiveMessage =
  | { kind: "snapshot"; seq: number; at: number | null; calls: Call[] }
  | {
      kind: "event";
      seq: number;
      type: string;
      callId: string;
      call: Call | null;
      /** What its type says of it; empty when nothing is. */
      data: Readonly<Record<string, unknown>>;
    }
  | { kind: "pong" };

/** Reads one message; null for what is not understood, which is no reason to stop. */
export function parseLiveMessage(text: string): LiveMessage | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || typeof value["type"] !== "string") return null;
  if (value["type"] === "pong") return { kind: "pong" };
  const seq = value["seq"];
  if (typeof seq !== "number") return null;
  if (value["type"] === "snapshot") {
    const { calls } = value;
    if (!Array.isArray(calls)) return null;
    return { kind: "snapshot", seq, at: timeOf(value["at"]), calls: calls.filter(isCall) };
  }
  const callId = value["call_id"];
  if (typeof callId !== "string") return null;
  return {
    kind: "event",
    seq,
    type: value["type"],
    callId,
    call: isCall(value["call"]) ? value["call"] : null,
    data: isRecord(value["data"]) ? value["data"] : {},
  };
}

/** The list after a snapshot: what it holds goes on, what it lacks has ended meanwhile. */
export function withSnapshot(
  list: LiveList,
  snapshot: LiveMessage & { kind: "snapshot" },
  now: number,
): LiveList {
  const first = list.seq === null;
  const known = new Map(list.rows.map((row) => [row.call.id, row]));
  const rows = snapshot.calls.map((call): LiveRow => {
    const row = known.get(call.id);
    known.delete(call.id);
    const newUntil = row === undefined && !first ? now + NEW_FOR_MS : (row?.newUntil ?? null);
    return { call, newUntil, leavesAt: isActive(call.status) ? null : now + ENDED_FOR_MS };
  });
  for (const row of known.values()) {
    rows.push({ ...row, newUntil: null, leavesAt: row.leavesAt ?? now + ENDED_FOR_MS });
  }
  return {
    feed: { kind: "current" },
    rows: inOrder(rows),
    clockOffsetMs: snapshot.at === null ? list.clockOffsetMs : snapshot.at - now,
    seq: snapshot.seq,
  };
}

/** The list after an event. One that was seen before changes nothing. */
export function withEvent(list: LiveList, event: LiveMessage & { kind: "event" }, now: number): LiveList {
  if (list.seq !== null && event.seq <= list.seq) return list;
  const taken: LiveList = { ...list, seq: event.seq };
  const { call } = event;
  if (call === null) return taken;
  const at = list.rows.findIndex((row) => row.call.id === call.id);
  const before = list.rows[at];
  const active = isActive(call.status);
  if (before === undefined) {
    // An ended call that was never here does not come to say goodbye.
    if (!active) return taken;
    return {
      ...taken,
      rows: inOrder([{ call, newUntil: now + NEW_FOR_MS, leavesAt: null }, ...list.rows]),
    };
  }
  const leavesAt = active ? null : (before.leavesAt ?? now + ENDED_FOR_MS);
  return { ...taken, rows: list.rows.with(at, { ...before, call, leavesAt }) };
}

/** The list at `now`: without rows whose time is over, but for `kept`, which somebody is looking at. */
export function atTime(list: LiveList, now: number, kept: string | null): LiveList {
  const due = (time: number | null) => time !== null && time <= now;
  if (!list.rows.some((row) => due(row.newUntil) || (due(row.leavesAt) && row.call.id !== kept)))
    return list;
  const rows = list.rows
    .filter((row) => !due(row.leavesAt) || row.call.id === kept)
    .map((row) => (due(row.newUntil) ? { ...row, newUntil: null } : row));
  return { ...list, rows };
}

/** When `atTime` will next change something after `now`; null for never. */
export function nextChange(list: LiveList, now: number): number | null {
  let next = Infinity;
  for (const { newUntil, leavesAt } of list.rows) {
    for (const time of [newUntil, leavesAt]) if (time !== null && time > now && time < next) next = time;
  }
  return next === Infinity ? null : next;
}

/** Newest first; of one moment, by id, so that no two rows ever change places. */
function inOrder(rows: LiveRow[]): LiveRow[] {
  const key = ({ call }: LiveRow) => Date.parse(call.started_at) || 0;
  return rows.toSorted((a, b) => key(b) - key(a) || (a.call.id < b.call.id ? 1 : -1)).slice(0, MOST_ROWS);
}

/** Whether a parsed JSON value has what the console needs of a call. */
export function isCall(value: unknown): value is Call {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    typeof value["status"] === "string" &&
    typeof value["started_at"] === "string" &&
    isRecord(value["media"])
  );
}

function timeOf(value: unknown): number | null {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}
