import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { Dialog } from "./Dialog.tsx";

const KEYS: readonly { keys: readonly string[]; does: string }[] = [
  { keys: ["/"], does: "Search the list" },
  { keys: ["J", "K"], does: "Next, previous call in the list" },
  { keys: ["R"], does: "Ask for the records again" },
  { keys: ["Enter"], does: "Open the call; on an open call, listen" },
  { keys: ["L"], does: "Listen to the open call" },
  { keys: ["Esc"], does: "Stop listening; else close an open record" },
  { keys: ["D", "U"], does: "Mark the open call handled, urgent" },
  { keys: ["[", "]"], does: "Quieter, louder" },
  { keys: ["1", "2", "0"], does: "Hear the caller, the agent, both" },
  { keys: ["?"], does: "This sheet" },
];

/** All shortcuts, and the switch that turns single keys off. */
export function ShortcutSheet({ onClose }: { onClose: () => void }): ReactElement {
  const { preferences } = usePartyline();
  const { singleKeys } = useLive(preferences.value);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys" data-off={!singleKeys}>
        {KEYS.map(({ keys, does }) => (
          <div key={does} className="key-line">
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label className="check">
        <input
          type="checkbox"
          checked={singleKeys}
          onChange={(event) => preferences.change({ singleKeys: event.target.checked })}
        />
        Single keys do these things (Esc always stops listening)
      </label>
      <button type="button" className="button primary" onClick={onClose}>
        Close
      </button>
    </Dialog>
  );
}
