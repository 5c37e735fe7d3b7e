import type { Call } from "@partyline/client/contract";
import type { Problem } from "@partyline/client/problem";
import { LONGEST_LINE, type SayLine } from "@partyline/client/say";
import { type FormEvent, type KeyboardEvent, type ReactElement, useRef, useState } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { describeSpeakProblem } from "../words/problem.ts";
import { sayWords } from "../words/speaking.ts";
import { Icon } from "./Icon.tsx";

/** Speaking by writing: lines that a voice says to the caller, one after another. */
export function SayPanel({ call }: { call: Call }): ReactElement {
  const { says } = usePartyline();
  const box = says.of(call.id);
  const lines = useLive(box.lines);
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const isWaiting = lines.some(({ state }) => state === "queued" || state === "speaking");
  const say = (event: FormEvent) => {
    event.preventDefault();
    const line = text.trim();
    if (line === "") return;
    setText("");
    setProblem(null);
    void box.say(line);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    form.current?.requestSubmit();
  };
  return (
    <section className="card say" aria-labelledby="say-title">
      <div className="say-head">
        <h3 id="say-title">Say to the caller</h3>
        {isWaiting ? (
          <button
            type="button"
            className="link-button"
            onClick={() => void box.cancelAll().then(setProblem)}
          >
            Cancel all
          </button>
        ) : null}
      </div>
      {lines.length === 0 ? null : (
        <ol className="say-lines" aria-label="What was written">
          {lines.map((line) => (
            <Line key={line.key} line={line} onCancel={() => void box.cancel(line.key).then(setProblem)} />
          ))}
        </ol>
      )}
      <form ref={form} className="say-form" onSubmit={say}>
        <label className="hidden-text" htmlFor="say-text">
          What a voice shall say to the caller
        </label>
        <textarea
          id="say-text"
          rows={2}
          maxLength={LONGEST_LINE}
          placeholder="A voice says it to the caller"
          value={text}
          onChange={({ target }) => setText(target.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" className="button" aria-disabled={text.trim() === ""}>
          <Icon name="volume" />
          Say
        </button>
      </form>
      <p className="quiet say-hint">Everyone hears it, caller included. Enter says it.</p>
      <div role="alert">
        {problem === null ? null : <p className="form-problem">{describeSpeakProblem(problem)}</p>}
      </div>
    </section>
  );
}

function Line({ line, onCancel }: { line: SayLine; onCancel: () => void }): ReactElement {
  const { text, state, problem } = line;
  const { word, icon } = sayWords(state);
  const isOnItsWay = state === "queued" || state === "speaking";
  return (
    <li className="say-line" data-state={state}>
      <span className="say-text">{text}</span>
      <span className="say-state">
        <Icon name={icon} />
        {word}
      </span>
      {isOnItsWay ? (
        <button type="button" className="link-button" onClick={onCancel}>
          Cancel<span className="hidden-text"> “{text}”</span>
        </button>
      ) : null}
      {problem === null ? null : <span className="say-problem">{describeSpeakProblem(problem)}</span>}
    </li>
  );
}
