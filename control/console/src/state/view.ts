import { type Problem, problemIn } from "@partyline/client/problem";
import type { UseQueryResult } from "@tanstack/react-query";

/** What was asked for, as far as it is known. */
export type View<T> =
  | { kind: "loading" }
  | { kind: "known"; data: T; stale: Problem | null; retry: () => void }
  | { kind: "problem"; problem: Problem; retry: () => void };

/** A query as a page shows it: what is known stays when asking again fails, and `stale` says why it is old. */
export function viewOf<T>(query: Pick<UseQueryResult<T>, "data" | "error" | "refetch">): View<T> {
  const retry = () => void query.refetch();
  const problem = query.error === null ? null : problemIn(query.error);
  if (query.data !== undefined) return { kind: "known", data: query.data, stale: problem, retry };
  return problem === null ? { kind: "loading" } : { kind: "problem", problem, retry };
}
