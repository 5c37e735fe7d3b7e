import { useBlocker } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { Dialog } from "./Dialog.tsx";

/** Asks before what is not saved is left behind; the browser asks when it is the tab that goes. */
export function UnsavedGuard({ isDirty }: { isDirty: boolean }): ReactElement | null {
  const { status, proceed, reset } = useBlocker({
    shouldBlockFn: () => isDirty,
    enableBeforeUnload: () => isDirty,
    withResolver: true,
  });
  if (status !== "blocked") return null;
  return (
    <Dialog title="Leave without saving?" onClose={reset}>
      <p>What you changed here is lost then.</p>
      <div className="form-end">
        <button type="button" className="button primary" onClick={reset}>
          Stay
        </button>
        <button type="button" className="button" onClick={proceed}>
          Leave
        </button>
      </div>
    </Dialog>
  );
}
