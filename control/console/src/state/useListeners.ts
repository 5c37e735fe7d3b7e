import type { Hearing } from "@partyline/client/contract";
import { type Problem, problemIn } from "@partyline/client/problem";
import { useQuery } from "@tanstack/react-query";
import { usePartyline } from "./usePartyline.ts";

/** Who hears a call. */
export type ListenersView =
  | { kind: "loading" }
  | { kind: "known"; listeners: readonly Hearing[] }
  | { kind: "problem"; problem: Problem; retry: () => void };

/** Gateways tell of it as often. */
const EVERY_MS = 5000;

/** Who hears a call and how well: asked for again while somebody looks. */
export function useListeners(callId: string): ListenersView {
  const { api } = usePartyline();
  const query = useQuery({
    queryKey: ["call", callId, "listeners"],
    queryFn: ({ signal }) => api.listeners(callId, signal),
    refetchInterval: EVERY_MS,
    staleTime: 0,
  });
  // Old figures are no figures: a failure is shown in their place.
  if (query.error !== null) {
    return { kind: "problem", problem: problemIn(query.error), retry: () => void query.refetch() };
  }
  if (query.data !== undefined) return { kind: "known", listeners: query.data };
  return { kind: "loading" };
}
