import type { Call, Mode } from "@partyline/client/contract";
import { type ReactElement, useMemo, useState } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { useSpeaking } from "../state/useSpeaker.ts";
import { describeSpeakProblem } from "../words/problem.ts";
import { fallWords, isMoved, MOVING, modeSentence, mouthWords, onlyListening } from "../words/speaking.ts";
import { Icon } from "./Icon.tsx";
import { Microphone } from "./Microphone.tsx";
import { ModeSwitch } from "./ModeSwitch.tsx";
import { TakeOverDialog } from "./TakeOverDialog.tsx";
import { TalkBar } from "./TalkBar.tsx";

/** Being heard in a call, for those who may in every call: what one may do, and the microphone. */
export function SpeakPanel({ call }: { call: Call }): ReactElement {
  const { speaker, state, isLive } = useSpeaking(call.id);
  const { mode, wanted, fell, problem } = state;
  const [isTakingOver, setTakingOver] = useState(false);
  const only = onlyListening(call);
  const moves = isMoved(call);

  const shortcuts = useMemo(() => {
    const change = (to: Mode) => {
      if (!isLive || speaker === null || (to !== "listen" && only !== null)) return false;
      void speaker.setMode(to, { moves });
      return true;
    };
    return {
      w: () => change("whisper"),
      b: () => change("join"),
      o: () => {
        if (mode === "listen") return false;
        speaker?.keepOpen(state.talk !== "open");
        return true;
      },
      m: () => {
        if (mode === "listen") return false;
        speaker?.mute(!state.muted);
        return true;
      },
    };
  }, [speaker, isLive, only, moves, mode, state.talk, state.muted]);
  useShortcuts(shortcuts);

  const blockedBy = (one: Mode): string | null => {
    if (one === "takeover") {
      if (only !== null) return only;
      return call.bot === null ? "No AI answers this call." : null;
    }
    if (one !== "listen" && only !== null) return only;
    return isLive ? null : "Listen first.";
  };
  const onMode = (one: Mode) => {
    if (one === "takeover") {
      if (mode !== "takeover") setTakingOver(true);
    } else void speaker?.setMode(one, { moves });
  };
  const sentence = modeSentence(mode);
  return (
    <div className="speak" data-mode={mode}>
      <ModeSwitch mode={mode} wanted={wanted} blockedBy={blockedBy} onMode={onMode} />
      {only === null || !isLive ? null : <p className="speak-words quiet">{only}</p>}
      {moves && wanted !== null && wanted !== "listen" ? (
        <p className="speak-words quiet" role="status">
          {MOVING}
        </p>
      ) : null}
      {sentence === "" ? null : <p className="speak-words">{sentence}</p>}
      <div role="alert">
        {fell === null ? null : (
          <p className="banner">
            <Icon name="warning" />
            <span className="banner-text">{fallWords(fell)}</span>
          </p>
        )}
        {problem === null ? null : <p className="form-problem">{describeSpeakProblem(problem)}</p>}
      </div>
      {speaker !== null && (mode !== "listen" || wanted !== null) ? (
        <>
          <TalkBar speaker={speaker} state={state} />
          <Microphone onTry={() => void speaker.arm()} />
        </>
      ) : null}
      {mode === "listen" && wanted === null ? <MouthTrouble /> : null}
      {isTakingOver ? <TakeOverDialog call={call} onClose={() => setTakingOver(false)} /> : null}
    </div>
  );
}

/** Why the mode that was asked for did not come to be: the microphone is its first act. */
function MouthTrouble(): ReactElement | null {
  const state = useLive(usePartyline().mouth.state);
  if (state.kind !== "failed") return null;
  return (
    <p className="microphone-words" role="status" data-wrong="true">
      {mouthWords(state)}
    </p>
  );
}
