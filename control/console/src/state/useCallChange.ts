import type { Live } from "@partyline/client/cell";
import type { Call, CallChange } from "@partyline/client/contract";
import type { LiveList } from "@partyline/client/liveList";
import { type Problem, isRecord, problemIn } from "@partyline/client/problem";
import { useMutation, useMutationState, useQueryClient } from "@tanstack/react-query";
import { usePartyline } from "./usePartyline.ts";
import { replaceInLists } from "./useRecords.ts";

const KEY = "change call";
/** The live list tells of a change by itself. It is waited for at most this long, in ms. */
const TOLD_WITHIN_MS = 2000;

/** Changing a call's record. */
export interface Change {
  readonly busy: boolean;
  /** Why the last change was not made; null when it was, or before any. */
  readonly problem: Problem | null;
  /** What that change was. */
  readonly refused: CallChange | null;
  /** Makes a change. Resolves with whether it was made. */
  readonly change: (change: CallChange) => Promise<boolean>;
  /** Forgets the problem. */
  readonly dismiss: () => void;
}

/** Changes this call. Shown at once (see `useWithChanges`), and taken back when control refuses. */
export function useCallChange(callId: string): Change {
  const { api, feed } = usePartyline();
  const queries = useQueryClient();
  const mutation = useMutation({
    mutationKey: [KEY, callId],
    // One after the other, so that the last one wins there as it does here.
    scope: { id: `${KEY} ${callId}` },
    networkMode: "always",
    mutationFn: async (change: CallChange) => {
      const call = await api.changeCall(callId, change);
      queries.setQueryData(["call", callId], call);
      replaceInLists(queries, call);
      await told(feed.list, call, change);
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["stats"] });
      void queries.invalidateQueries({ queryKey: ["call", callId, "events"] });
    },
  });
  return {
    busy: mutation.isPending,
    problem: mutation.error === null ? null : problemIn(mutation.error),
    refused: mutation.error === null ? null : (mutation.variables ?? null),
    change: (change) =>
      mutation.mutateAsync(change).then(
        () => true,
        () => false,
      ),
    dismiss: mutation.reset,
  };
}

/** Calls with the changes that control has not answered yet. */
export function useWithChanges(): (call: Call) => Call {
  const pending = useMutationState({
    filters: { mutationKey: [KEY], status: "pending" },
    select: ({ options, state }) => ({ callId: options.mutationKey?.[1], change: known(state.variables) }),
  });
  return (call) =>
    pending.reduce(
      (shown, { callId, change }) => (callId === call.id ? { ...shown, ...change } : shown),
      call,
    );
}

/** Waits until the live list shows the change, so that no old record is shown between. */
async function told(list: Live<LiveList>, call: Call, change: CallChange): Promise<void> {
  const answered: Record<string, unknown> = { ...call };
  const shows = () => {
    const { feed, rows } = list.get();
    const row = rows.find((one) => one.call.id === call.id)?.call;
    if (row === undefined || feed.kind !== "current") return true;
    const listed: Record<string, unknown> = { ...row };
    return Object.keys(known(change)).every(
      (name) => JSON.stringify(listed[name]) === JSON.stringify(answered[name]),
    );
  };
  if (shows()) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      leave();
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, TOLD_WITHIN_MS);
    const leave = list.subscribe(() => {
      if (shows()) end();
    });
  });
}

/** The fields that are changed. */
function known(change: unknown): Partial<Call> {
  return isRecord(change)
    ? Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
    : {};
}
