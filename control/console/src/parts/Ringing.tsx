import type { Call } from "@partyline/client/contract";
import { type ReactElement, useMemo } from "react";
import { type AnswerProblem, useAnswer, useBell, useOwnCall, useRinging } from "../state/useAnswer.ts";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { callerOf, organizationOf, phone } from "../words/call.ts";
import { describeSpeakProblem } from "../words/problem.ts";
import { mouthWords } from "../words/speaking.ts";
import { Duration } from "./Duration.tsx";
import { Icon } from "./Icon.tsx";

/** Calls that wait for this person, above everything else: nothing for those who do not answer calls. */
export function Ringing(): ReactElement | null {
  const { feed, preferences } = usePartyline();
  const { clockOffsetMs } = useLive(feed.list);
  const { ring } = useLive(preferences.value);
  const calls = useRinging();
  const own = useOwnCall();
  const { busy, problem, answer } = useAnswer();
  useBell(calls, own !== null);
  const [first] = calls;
  const shortcuts = useMemo(
    () => ({
      a: () => {
        if (first === undefined || own !== null) return false;
        void answer(first);
        return true;
      },
    }),
    [first, own, answer],
  );
  useShortcuts(shortcuts);
  if (calls.length === 0 && problem === null) return null;
  return (
    <section className="ringing" aria-label="Ringing">
      <div role="alert">
        {problem === null ? null : <p className="form-problem">{answerProblemWords(problem)}</p>}
      </div>
      <ul className="ringing-calls">
        {calls.map((call) => (
          <RingingCall
            key={call.id}
            call={call}
            clockOffsetMs={clockOffsetMs}
            isFirst={call === first}
            blockedBy={own === null ? null : "You are in a call."}
            isBusy={busy === call.id}
            onAnswer={() => void answer(call)}
          />
        ))}
      </ul>
      <label className="check">
        <input
          type="checkbox"
          checked={ring}
          onChange={({ target }) => preferences.change({ ring: target.checked })}
        />
        Ring aloud, and notify me when this tab is hidden
      </label>
    </section>
  );
}

function RingingCall(props: {
  call: Call;
  clockOffsetMs: number;
  isFirst: boolean;
  /** Why it cannot be answered; null when it can. */
  blockedBy: string | null;
  isBusy: boolean;
  onAnswer: () => void;
}): ReactElement {
  const { call, clockOffsetMs, isFirst, blockedBy, isBusy, onAnswer } = props;
  return (
    <li className="ringing-call">
      <Icon name="ringing" />
      <span className="ringing-who">
        <strong>{callerOf(call)}</strong>
        <span className="quiet">
          {call.caller_name === null ? "" : `${phone(call.customer_number)} `}
          for {organizationOf(call)}, waits <Duration call={call} clockOffsetMs={clockOffsetMs} />
        </span>
      </span>
      <button
        type="button"
        className="button answer"
        aria-disabled={blockedBy !== null || isBusy}
        aria-keyshortcuts={isFirst ? "A" : undefined}
        title={blockedBy ?? undefined}
        onClick={() => {
          if (blockedBy === null && !isBusy) onAnswer();
        }}
      >
        <Icon name="phone" />
        {isBusy ? "Answering…" : "Answer"}
        {isFirst ? <kbd aria-hidden="true">A</kbd> : null}
      </button>
    </li>
  );
}

function answerProblemWords(problem: AnswerProblem): string {
  return problem.kind === "mouth"
    ? mouthWords({ kind: "failed", why: problem.why })
    : describeSpeakProblem(problem.problem);
}
