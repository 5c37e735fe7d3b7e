import { type ReactElement, useEffect, useId, useRef } from "react";
import { MOST_PARAMETERS, type Parameter } from "../words/answering.ts";
import { Icon } from "./Icon.tsx";

/** Names and values that a bot is given with each call. */
export function ParametersField(props: {
  parameters: readonly Parameter[];
  problem: string | undefined;
  onChange: (parameters: readonly Parameter[]) => void;
}): ReactElement {
  const { parameters, problem, onChange } = props;
  const words = useId();
  const rows = useRef<HTMLFieldSetElement>(null);
  const add = useRef<HTMLButtonElement>(null);
  // Where to go on typing after one was added, or is gone.
  const next = useRef<"last" | "button" | null>(null);
  useEffect(() => {
    const names = rows.current?.querySelectorAll<HTMLInputElement>("input[data-name]");
    if (next.current === "last") names?.[names.length - 1]?.focus();
    if (next.current === "button") add.current?.focus();
    next.current = null;
  });
  const change = (id: number, part: Partial<Parameter>) =>
    onChange(parameters.map((one) => (one.id === id ? { ...one, ...part } : one)));
  const isWrong = problem !== undefined;
  return (
    <fieldset ref={rows} className="parameters" aria-describedby={words}>
      <legend>Parameters</legend>
      {parameters.map(({ id, name, value }, at) => (
        <div key={id} className="field parameter">
          <input
            data-name
            aria-label={`Name of parameter ${at + 1}`}
            aria-invalid={isWrong ? true : undefined}
            aria-describedby={isWrong ? words : undefined}
            placeholder="Name"
            maxLength={100}
            autoComplete="off"
            spellCheck={false}
            value={name}
            onChange={({ target }) => change(id, { name: target.value })}
          />
          <input
            aria-label={`Value of parameter ${at + 1}`}
            placeholder="Value"
            maxLength={1000}
            autoComplete="off"
            spellCheck={false}
            value={value}
            onChange={({ target }) => change(id, { value: target.value })}
          />
          <button
            type="button"
            className="icon-button"
            aria-label={`Remove parameter ${name === "" ? at + 1 : name}`}
            onClick={() => {
              next.current = "button";
              onChange(parameters.filter((one) => one.id !== id));
            }}
          >
            <Icon name="cross" />
          </button>
        </div>
      ))}
      <button
        ref={add}
        type="button"
        className="link-button"
        disabled={parameters.length >= MOST_PARAMETERS}
        onClick={() => {
          next.current = "last";
          const id = Math.max(-1, ...parameters.map((one) => one.id)) + 1;
          onChange([...parameters, { id, name: "", value: "" }]);
        }}
      >
        <Icon name="plus" /> Add a parameter
      </button>
      <p id={words} className="field-words" data-wrong={isWrong}>
        {problem ??
          "What the bot is given with each call, as customParameters of its start message. Stored sealed; only admins see them."}
      </p>
    </fieldset>
  );
}
