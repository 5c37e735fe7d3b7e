import type { Call, CallEvent } from "@partyline/client/contract";
import type { LiveRow } from "@partyline/client/liveList";
import { type Problem, problemIn } from "@partyline/client/problem";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { gather } from "./gather.ts";
import { useWithChanges } from "./useCallChange.ts";
import { useLive } from "./useLive.ts";
import { usePartyline } from "./usePartyline.ts";
import { type View, viewOf } from "./view.ts";

/** A call's record, as far as it is known. */
export type CallView =
  | { kind: "loading" }
  | { kind: "known"; call: Call; row: LiveRow | null }
  | { kind: "problem"; problem: Problem; retry: () => void };

/** The record of a call: from the live list while it is there, else asked for. */
export function useCall(callId: string): CallView {
  const { api, feed } = usePartyline();
  const list = useLive(feed.list);
  const row = list.rows.find(({ call }) => call.id === callId || call.call_sid === callId) ?? null;
  // A row that a snapshot dropped ended unseen: its last record is asked for.
  const ask = row === null ? list.feed.kind !== "loading" : row.leavesAt !== null;
  const query = useQuery({
    queryKey: ["call", callId],
    queryFn: ({ signal }) => api.call(callId, signal),
    enabled: ask,
  });
  const keep = row?.call.id ?? null;
  useEffect(() => {
    feed.keep(keep);
    return () => feed.keep(null);
  }, [feed, keep]);

  const withChanges = useWithChanges();
  const fresh = list.feed.kind === "current";
  if (row !== null) return { kind: "known", call: withChanges(newer(row.call, query.data, fresh)), row };
  if (query.data !== undefined) return { kind: "known", call: withChanges(query.data), row: null };
  if (query.error !== null) {
    return { kind: "problem", problem: problemIn(query.error), retry: () => void query.refetch() };
  }
  return { kind: "loading" };
}

/** Events of one call come in bursts: they are asked for this long, in ms, after the first of them. */
const GATHER_MS = 250;

/** What happened to a call, oldest first; asked for again when something happens. */
export function useCallEvents(callId: string): View<readonly CallEvent[]> {
  const { api, feed } = usePartyline();
  const queries = useQueryClient();
  const query = useQuery({
    queryKey: ["call", callId, "events"],
    queryFn: ({ signal }) => api.callEvents(callId, signal),
  });
  const fresh = useLive(feed.list).feed.kind === "current";
  useEffect(() => {
    if (!fresh) return undefined;
    const queryKey = ["call", callId, "events"];
    const asked = gather(() => void queries.invalidateQueries({ queryKey }), GATHER_MS);
    // What happened while the list was paused is missing, too.
    asked.soon();
    const leave = feed.watch((event) => {
      if (event.callId === callId || event.call?.call_sid === callId) asked.soon();
    });
    return () => {
      leave();
      asked.stop();
    };
  }, [fresh, feed, queries, callId]);

  return viewOf(query);
}

/** A record that was asked for after the end, or while the list is paused, knows more than the list's last one. */
function newer(listed: Call, asked: Call | undefined, fresh: boolean): Call {
  if (asked === undefined) return listed;
  return !fresh || (asked.ended_at !== null && listed.ended_at === null) ? asked : listed;
}
