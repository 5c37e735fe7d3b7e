import type { Hearing } from "@partyline/client/contract";
import { useQuery } from "@tanstack/react-query";
import { usePartyline } from "./usePartyline.ts";
import { type View, viewOf } from "./view.ts";

/** Gateways tell of it as often. */
const EVERY_MS = 5000;

/** Who hears a call and how well: asked for again while somebody looks. */
export function useListeners(callId: string): View<readonly Hearing[]> {
  const { api } = usePartyline();
  const query = useQuery({
    queryKey: ["call", callId, "listeners"],
    queryFn: ({ signal }) => api.listeners(callId, signal),
    refetchInterval: EVERY_MS,
    staleTime: 0,
  });
  // Old figures are no figures: a failure is shown in their place.
  return viewOf(query.error === null ? query : { ...query, data: undefined });
}
