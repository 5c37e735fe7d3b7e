import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type View, viewOf } from "./view.ts";

/** Something that admins arrange: as it is, and a way to change it. */
export interface Setting<T> {
  readonly view: View<T>;
  /** Waits for a change, then asks how it is. */
  readonly after: <R>(change: Promise<R>) => Promise<R>;
}

/** The setting of this name. `ask` asks control for it. */
export function useSetting<T>(name: string, ask: (signal: AbortSignal) => Promise<T>): Setting<T> {
  const queries = useQueryClient();
  const queryKey = [name];
  const query = useQuery({ queryKey, queryFn: ({ signal }) => ask(signal) });
  return {
    view: viewOf(query),
    after: async (change) => {
      try {
        return await change;
      } finally {
        // Also after a refusal: what is shown may be what was wrong.
        void queries.invalidateQueries({ queryKey });
      }
    },
  };
}
