import type { MonitorState } from "@partyline/client/monitor";
import type { ReactElement } from "react";
import { isListening } from "../words/monitor.ts";
import { Icon } from "./Icon.tsx";

/** Starts and stops listening to a call. */
export function ListenButton({
  state,
  mine = false,
  blockedBy,
  onListen,
  onStop,
}: {
  state: MonitorState;
  /** Whether it is one's own call: then it is returned to, and left, not listened to. */
  mine?: boolean;
  /** Why listening cannot begin; null when it can. */
  blockedBy: string | null;
  onListen: () => void;
  onStop: () => void;
}): ReactElement {
  const listening = isListening(state);
  const blocked = !listening && blockedBy !== null;
  return (
    <div className="listen">
      {/* Still there for the keyboard when it cannot be used: the reason is read with it. */}
      <button
        type="button"
        className="listen-button"
        aria-pressed={listening}
        aria-disabled={blocked}
        aria-describedby={blocked ? "listen-blocked" : undefined}
        aria-keyshortcuts={listening ? "Escape" : "L Enter"}
        onClick={() => {
          if (listening) onStop();
          else if (!blocked) onListen();
        }}
      >
        <Icon name={listening ? "stop" : "ear"} />
        {word(listening, mine, state)}
        <kbd aria-hidden="true">{listening ? "Esc" : "L"}</kbd>
      </button>
      {blocked ? (
        <p id="listen-blocked" className="listen-blocked">
          {blockedBy}
        </p>
      ) : null}
    </div>
  );
}

function word(listening: boolean, mine: boolean, state: MonitorState): string {
  if (mine) return listening ? "Leave" : "Return to the call";
  if (listening) return "Stop";
  return state.kind === "idle" ? "Listen" : "Listen again";
}
