import { type Problem, problemIn } from "@partyline/client/problem";
import { useCallback, useRef, useState } from "react";

/** Something that is asked of control, once at a time. */
export interface Act {
  readonly busy: boolean;
  /** Why the last of it was not done. */
  readonly problem: Problem | null;
  /** Does it. Resolves with whether it was done; false, too, while another is on its way. */
  readonly act: (work: () => Promise<unknown>) => Promise<boolean>;
}

/** Does one thing after another, and keeps what went wrong. */
export function useAct(): Act {
  const [state, setState] = useState<{ busy: boolean; problem: Problem | null }>({
    busy: false,
    problem: null,
  });
  const running = useRef(false);
  const act = useCallback(async (work: () => Promise<unknown>) => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true, problem: null });
    try {
      await work();
      setState({ busy: false, problem: null });
      return true;
    } catch (error) {
      setState({ busy: false, problem: problemIn(error) });
      return false;
    } finally {
      running.current = false;
    }
  }, []);
  return { ...state, act };
}
