import { Outlet, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactElement, useMemo } from "react";
import { RecordList } from "../parts/RecordList.tsx";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { isListening } from "../words/monitor.ts";

/** Records of calls: the list has the whole width until one of them is open. */
export default function RecordsRoom(): ReactElement {
  const { desk } = usePartyline();
  const { callId } = useParams({ strict: false });
  const navigate = useNavigate();
  const shortcuts = useMemo(
    () => ({
      Escape: () => {
        const state = desk.current.get()?.state.get();
        // While a call is heard, Escape stops the listening.
        if (callId === undefined || (state !== undefined && isListening(state))) return false;
        void navigate({ to: paths.records, search: true });
        return true;
      },
    }),
    [desk, navigate, callId],
  );
  useShortcuts(shortcuts);
  return (
    <main id="main" className="panes" data-room="records" data-open={callId !== undefined} tabIndex={-1}>
      <RecordList openId={callId} />
      {callId === undefined ? null : (
        <section className="pane" aria-label="The call">
          <Outlet />
        </section>
      )}
    </main>
  );
}
