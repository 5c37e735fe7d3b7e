import type { Call, CallChange } from "@partyline/client/contract";
import { type ReactElement, useMemo } from "react";
import { useCallChange } from "../state/useCallChange.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { describeChangeProblem } from "../words/problem.ts";
import { Icon, type IconName } from "./Icon.tsx";

/** What is left to do about a call: whether it is handled, and whether it is urgent. */
export function Triage({ call }: { call: Call }): ReactElement {
  const { change, problem, refused, dismiss } = useCallChange(call.id);
  const shortcuts = useMemo(
    () => ({
      d: () => void change({ is_handled: !call.is_handled }),
      u: () => void change({ is_urgent: !call.is_urgent }),
    }),
    [change, call.is_handled, call.is_urgent],
  );
  useShortcuts(shortcuts);
  return (
    <div className="triage">
      <Mark
        icon="check"
        word={call.is_handled ? "Handled" : "Mark handled"}
        on={call.is_handled}
        name="Handled"
        keyName="D"
        onChange={(on) => void change({ is_handled: on })}
      />
      <Mark
        icon="flag"
        word={call.is_urgent ? "Urgent" : "Mark urgent"}
        on={call.is_urgent}
        name="Urgent"
        keyName="U"
        onChange={(on) => void change({ is_urgent: on })}
      />
      <div role="alert">
        {problem === null ? null : (
          <p className="form-problem">
            {refusedWords(refused)} {describeChangeProblem(problem)}{" "}
            <button type="button" className="link-button" onClick={dismiss}>
              Dismiss
            </button>
          </p>
        )}
      </div>
    </div>
  );
}

function Mark(props: {
  icon: IconName;
  word: string;
  name: string;
  on: boolean;
  keyName: string;
  onChange: (on: boolean) => void;
}): ReactElement {
  const { icon, word, name, on, keyName, onChange } = props;
  return (
    <button
      type="button"
      className="mark"
      data-mark={name.toLowerCase()}
      aria-label={name}
      aria-pressed={on}
      aria-keyshortcuts={keyName}
      onClick={() => onChange(!on)}
    >
      <Icon name={icon} />
      <span>{word}</span>
      <kbd aria-hidden="true">{keyName}</kbd>
    </button>
  );
}

/** What was taken back. */
function refusedWords(change: CallChange | null): string {
  const { is_handled: handled, is_urgent: urgent } = change ?? {};
  if (handled === true) return "Not marked as handled.";
  if (handled === false) return "Still marked as handled.";
  if (urgent === true) return "Not marked as urgent.";
  return "Still marked as urgent.";
}

/** The marks of a call, for those who may not change them. */
export function TriageMarks({ call }: { call: Call }): ReactElement | null {
  if (!call.is_handled && !call.is_urgent) return null;
  return (
    <div className="triage">
      {call.is_handled ? <span className="pill">Handled</span> : null}
      {call.is_urgent ? (
        <span className="pill" data-tone="failed">
          Urgent
        </span>
      ) : null}
    </div>
  );
}
