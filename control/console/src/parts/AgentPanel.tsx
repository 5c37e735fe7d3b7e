import type { Call } from "@partyline/client/contract";
import { type ReactElement, useMemo } from "react";
import { useShortcuts } from "../state/useShortcuts.ts";
import { useSpeaking } from "../state/useSpeaker.ts";
import { describeSpeakProblem } from "../words/problem.ts";
import { fallWords, isMoved } from "../words/speaking.ts";
import { CallControls } from "./CallControls.tsx";
import { Icon } from "./Icon.tsx";
import { Microphone } from "./Microphone.tsx";

/** One's own call: one's microphone, and what is done with the call. */
export function AgentPanel({ call }: { call: Call }): ReactElement {
  const { speaker, state, isLive } = useSpeaking(call.id);
  const { mode, wanted, talk, muted, armed, fell, problem } = state;
  const moves = isMoved(call);
  const isOpen = talk === "open" && !muted;
  const toggle = useMemo(
    () => () => {
      if (speaker === null || !isLive) return false;
      if (mode === "listen") {
        // Back after a lost connection: the seat first, the mouth by a second act.
        void speaker.setMode("join", { moves });
      } else if (isOpen) speaker.mute(true);
      else {
        speaker.mute(false);
        speaker.keepOpen(true);
      }
      return true;
    },
    [speaker, isLive, mode, isOpen, moves],
  );
  const shortcuts = useMemo(() => ({ m: toggle }), [toggle]);
  useShortcuts(shortcuts);
  return (
    <div className="speak" data-mode={mode}>
      {isLive ? (
        <div className="talk">
          <button
            type="button"
            className="talk-button"
            data-on={isOpen}
            aria-pressed={isOpen}
            aria-disabled={wanted !== null || (mode !== "listen" && !armed)}
            aria-keyshortcuts="M"
            onClick={() => {
              if (wanted === null) toggle();
            }}
          >
            <Icon name={isOpen ? "mic" : "micOff"} />
            {mode === "listen" ? "Speak again" : isOpen ? "Mute" : "Unmute"}
            <kbd aria-hidden="true">M</kbd>
          </button>
        </div>
      ) : null}
      <div role="alert">
        {fell === null ? null : (
          <p className="banner">
            <Icon name="warning" />
            <span className="banner-text">{fallWords(fell, true)}</span>
          </p>
        )}
        {problem === null ? null : <p className="form-problem">{describeSpeakProblem(problem)}</p>}
      </div>
      {speaker !== null && isLive ? <Microphone onTry={() => void speaker.arm()} /> : null}
      <CallControls call={call} />
    </div>
  );
}
