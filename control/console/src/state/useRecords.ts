import type { CallRecords } from "@partyline/client/calls";
import type { Call, CallStats } from "@partyline/client/contract";
import { isActive } from "@partyline/client/contract";
import {
  type InfiniteData,
  type QueryClient,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { gather } from "./gather.ts";
import { type RecordFilters, queryOf } from "./recordFilters.ts";
import { usePartyline } from "./usePartyline.ts";
import { type View, viewOf } from "./view.ts";

/** Records as far as they were asked for. */
export interface Records {
  readonly view: View<readonly Call[]>;
  /** When the first page was asked for (local time in ms); 0 before. */
  readonly askedAt: number;
  /** Asks for the next page; null when there is none. */
  readonly more: (() => void) | null;
  readonly busy: boolean;
  /** Calls that began since the list was asked for. */
  readonly fresh: number;
  /** Asks for the list anew. */
  readonly refresh: () => void;
}

/** Records on one page. */
const PAGE = 50;
/** Figures change with each call: they are asked for at most this often, in ms. */
const STATS_EVERY_MS = 5000;

const LISTS = ["records"];
const STATS = ["stats"];

/** The list of records for these filters. What happens to a listed call is shown at once. */
export function useRecords(filters: RecordFilters): Records {
  const { api, feed } = usePartyline();
  const queries = useQueryClient();
  const [fresh, setFresh] = useState<ReadonlySet<string>>(new Set());
  const query = useInfiniteQuery({
    queryKey: [...LISTS, filters],
    queryFn: ({ pageParam, signal }) => {
      const page = pageParam === null ? {} : { cursor: pageParam };
      return api.callPage({ ...queryOf(filters), ...page, limit: PAGE }, signal);
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
  useEffect(
    () =>
      feed.watch(({ call, type }) => {
        if (call === null) return;
        replaceInLists(queries, call);
        if (type === "call.incoming") setFresh((known) => new Set(known).add(call.id));
      }),
    [feed, queries],
  );
  const { fetchNextPage, isFetching } = query;
  const refresh = useCallback(() => {
    setFresh(new Set());
    void queries.resetQueries({ queryKey: [...LISTS, filters], exact: true });
    void queries.invalidateQueries({ queryKey: STATS });
  }, [queries, filters]);
  const view = viewOf<InfiniteData<CallRecords>>(query);
  const calls = query.data?.pages.flatMap((page) => page.calls) ?? [];
  return {
    view: view.kind === "known" ? { ...view, data: calls } : view,
    askedAt: query.dataUpdatedAt,
    more: query.hasNextPage ? () => void fetchNextPage() : null,
    busy: isFetching,
    fresh: [...fresh].filter((id) => !calls.some((call) => call.id === id)).length,
    refresh,
  };
}

/** Figures of all calls, kept up with what happens. */
export function useStats(): View<CallStats> {
  const { api, feed } = usePartyline();
  const queries = useQueryClient();
  const query = useQuery({ queryKey: STATS, queryFn: ({ signal }) => api.callStats(signal) });
  useEffect(() => {
    const asked = gather(() => void queries.invalidateQueries({ queryKey: STATS }), STATS_EVERY_MS);
    const leave = feed.watch(({ type }) => {
      if (type !== "call.media" && !type.startsWith("session.")) asked.soon();
    });
    return () => {
      leave();
      asked.stop();
    };
  }, [feed, queries]);
  return viewOf(query);
}

/** Other calls of the same person, newest first. */
export function useCallsWith(call: Call): View<readonly Call[]> {
  const { api } = usePartyline();
  const query = useQuery({
    queryKey: ["calls with", call.customer_number, isActive(call.status)],
    queryFn: async ({ signal }) =>
      (await api.callPage({ q: call.customer_number, limit: PAGE }, signal)).calls,
    enabled: call.customer_number !== "",
  });
  const view = viewOf(query);
  return view.kind === "known" ? { ...view, data: view.data.filter(({ id }) => id !== call.id) } : view;
}

/** Puts a newer record of a call where lists show it. It stays, even if the filter no longer means it. */
export function replaceInLists(queries: QueryClient, call: Call): void {
  queries.setQueriesData<InfiniteData<CallRecords>>({ queryKey: LISTS }, (list) => {
    if (list === undefined || !list.pages.some((page) => page.calls.some(({ id }) => id === call.id))) {
      return list;
    }
    const pages = list.pages.map((page) => ({
      ...page,
      calls: page.calls.map((listed) => (listed.id === call.id ? call : listed)),
    }));
    return { ...list, pages };
  });
}

/** Takes a call out of where lists show it: its record is gone. */
export function removeFromLists(queries: QueryClient, callId: string): void {
  queries.setQueriesData<InfiniteData<CallRecords>>({ queryKey: LISTS }, (list) =>
    list === undefined
      ? list
      : {
          ...list,
          pages: list.pages.map((page) => ({
            ...page,
            calls: page.calls.filter(({ id }) => id !== callId),
          })),
        },
  );
}
