import { problemIn } from "@partyline/client/problem";
import { QueryClient } from "@tanstack/react-query";

/** The cache of what was asked for. */
export function createQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // What changes is told by the live feed.
        staleTime: 30_000,
        refetchOnWindowFocus: false,
        // A page on a closed network reaches its own server all the same: only the answer counts.
        networkMode: "always",
        retry: (failures, error) => {
          const { kind } = problemIn(error);
          return failures < 3 && (kind === "unreachable" || kind === "unavailable");
        },
      },
    },
  });
}
