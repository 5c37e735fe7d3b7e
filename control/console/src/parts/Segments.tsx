import type { ReactElement } from "react";

/** One of a few, side by side. */
export function Segments<T extends string>(props: {
  /** What is chosen, for those who do not see it. */
  legend: string;
  name: string;
  options: readonly { value: T; word: string; key?: string }[];
  value: T;
  disabled?: boolean;
  onChange: (value: T) => void;
}): ReactElement {
  const { legend, name, options, value, disabled = false, onChange } = props;
  return (
    <fieldset className="segments" disabled={disabled}>
      <legend className="hidden-text">{legend}</legend>
      {options.map((option) => (
        <label key={option.value} className="segment">
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            aria-keyshortcuts={option.key}
            onChange={() => onChange(option.value)}
          />
          <span>
            {option.word} {option.key === undefined ? null : <kbd aria-hidden="true">{option.key}</kbd>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
