import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useRights } from "../state/useUser.ts";
import { Notice } from "../parts/Notice.tsx";

/** What stands beside the list while no call is open. */
export default function NoCallPage(): ReactElement | null {
  const { rows } = useLive(usePartyline().feed.list);
  const { answer } = useRights();
  // Beside an empty list there is nothing to choose: the list itself says what to do.
  if (rows.length === 0) return null;
  if (answer) {
    return (
      <Notice icon="phone" title="Calls that ring stand above">
        <p>
          <kbd>A</kbd> answers the one that waits longest. Your own calls open beside the list.
        </p>
      </Notice>
    );
  }
  return (
    <Notice icon="ear" title="Choose a call to hear it">
      <p>
        <kbd>J</kbd> and <kbd>K</kbd> move along the list, <kbd>Enter</kbd> opens a call, <kbd>L</kbd>{" "}
        listens. The people on the phone cannot hear you.
      </p>
    </Notice>
  );
}
