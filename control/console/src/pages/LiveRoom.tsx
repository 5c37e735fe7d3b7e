import { Outlet, useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { CallList } from "../parts/CallList.tsx";

/** Calls that go on: the list stays on the left whatever is shown on the right. */
export default function LiveRoom(): ReactElement {
  const { callId } = useParams({ strict: false });
  return (
    <div className="panes" data-open={callId !== undefined}>
      <CallList />
      <main id="main" className="pane" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}
