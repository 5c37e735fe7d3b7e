import type { Call } from "@partyline/client/contract";
import { type ReactElement, useMemo, useState } from "react";
import { useAct } from "../state/useAct.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { useHandBack, useSpeaking } from "../state/useSpeaker.ts";
import { useRights } from "../state/useUser.ts";
import { describeSpeakProblem } from "../words/problem.ts";
import { botWords, onlyListening } from "../words/speaking.ts";
import { Icon } from "./Icon.tsx";
import { TakeOverDialog } from "./TakeOverDialog.tsx";

/** What a call's AI does, and what can be done with it. */
export function BotPanel({ call }: { call: Call }): ReactElement | null {
  return call.bot === null ? null : <Panel call={call} bot={call.bot} />;
}

function Panel({ call, bot }: { call: Call; bot: NonNullable<Call["bot"]> }): ReactElement {
  const { api } = usePartyline();
  const { speak } = useRights();
  const { busy, problem, act } = useAct();
  const handBack = useHandBack(call);
  const [isTakingOver, setTakingOver] = useState(false);
  const { word, tone } = botWords(bot);
  const { isLive, state } = useSpeaking(call.id);
  const canTakeOver = speak && onlyListening(call) === null && state.mode !== "takeover";
  const shortcuts = useMemo(
    () => ({
      t: () => {
        if (!canTakeOver) return false;
        setTakingOver(true);
        return true;
      },
      p: () => {
        if (!speak || bot !== "active") return false;
        void act(() => api.pauseAi(call.id));
        return true;
      },
      h: () => {
        if (!speak || bot !== "paused") return false;
        void act(handBack);
        return true;
      },
    }),
    [speak, bot, act, api, handBack, canTakeOver, call.id],
  );
  useShortcuts(shortcuts);
  return (
    <section className="bot" data-bot={bot} aria-label="The AI">
      <p className="bot-words" data-tone={tone} role={bot === "failed" ? "alert" : undefined}>
        <Icon name={bot === "failed" ? "warning" : "bot"} />
        <span>
          {word}
          {bot === "failed" ? ": the caller waits for somebody. Take over." : ""}
        </span>
      </p>
      {speak && bot === "active" ? (
        <button
          type="button"
          className="button"
          aria-disabled={busy}
          aria-keyshortcuts="P"
          onClick={() => void act(() => api.pauseAi(call.id))}
        >
          <Icon name="pause" />
          Pause the AI
          <kbd aria-hidden="true">P</kbd>
        </button>
      ) : null}
      {speak && bot === "paused" ? (
        <button
          type="button"
          className="button primary"
          aria-disabled={busy}
          aria-keyshortcuts="H"
          onClick={() => void act(handBack)}
        >
          <Icon name="bot" />
          Hand back to the AI
          <kbd aria-hidden="true">H</kbd>
        </button>
      ) : null}
      {canTakeOver && (bot === "failed" || !isLive) ? (
        <button
          type="button"
          className={bot === "failed" ? "button danger" : "button"}
          aria-keyshortcuts="T"
          onClick={() => setTakingOver(true)}
        >
          <Icon name="takeover" />
          Take over
          <kbd aria-hidden="true">T</kbd>
        </button>
      ) : null}
      <div role="alert" className="bot-problem">
        {problem === null ? null : <p className="form-problem">{describeSpeakProblem(problem)}</p>}
      </div>
      {isTakingOver ? <TakeOverDialog call={call} onClose={() => setTakingOver(false)} /> : null}
    </section>
  );
}
