import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useRights } from "../state/useUser.ts";
import { Dialog } from "./Dialog.tsx";

interface Group {
  readonly name: string;
  readonly keys: readonly { keys: readonly string[]; does: string }[];
}

const HEARING: Group = {
  name: "Calls",
  keys: [
    { keys: ["/"], does: "Search the list" },
    { keys: ["J", "K"], does: "Next, previous call in the list" },
    { keys: ["R"], does: "Ask for the records again" },
    { keys: ["Enter"], does: "Open the call; on an open call, listen" },
    { keys: ["L"], does: "Listen to the open call" },
    { keys: ["Esc"], does: "Back to listening; stop listening; close an open record" },
    { keys: ["D", "U"], does: "Mark the open call handled, urgent" },
    { keys: ["[", "]"], does: "Quieter, louder" },
    { keys: ["1", "2", "0"], does: "Hear the caller, the agent, both" },
    { keys: ["?"], does: "This sheet" },
  ],
};
const SPEAKING: Group = {
  name: "Speaking",
  keys: [
    { keys: ["W"], does: "Whisper: only the agent will hear you" },
    { keys: ["B"], does: "Join: everyone will hear you" },
    { keys: ["T"], does: "Take over from the AI" },
    { keys: ["Space"], does: "Speak, while it is held down" },
    { keys: ["O"], does: "Keep the microphone open, or shut it" },
    { keys: ["M"], does: "Mute, unmute" },
    { keys: ["P"], does: "Pause the AI" },
    { keys: ["H"], does: "Hand back to the AI" },
  ],
};
const ANSWERING: Group = {
  name: "Your calls",
  keys: [
    { keys: ["A"], does: "Answer the call that waits longest" },
    { keys: ["M"], does: "Mute, unmute" },
    { keys: ["0–9", "*", "#"], does: "Send keys, while the keypad is open" },
  ],
};

/** All shortcuts, and the switch that turns single keys off. */
export function ShortcutSheet({ onClose }: { onClose: () => void }): ReactElement {
  const { preferences } = usePartyline();
  const { singleKeys } = useLive(preferences.value);
  const { speak, answer } = useRights();
  const groups = [HEARING, ...(speak ? [SPEAKING] : []), ...(answer ? [ANSWERING] : [])];
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className="key-groups">
        {groups.map(({ name, keys }) => (
          <section key={name}>
            {groups.length === 1 ? null : <h3>{name}</h3>}
            <dl className="keys" data-off={!singleKeys}>
              {keys.map((line) => (
                <div key={line.does} className="key-line">
                  <dt>
                    {line.keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{line.does}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
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
