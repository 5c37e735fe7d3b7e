import { type ComponentProps, type ReactElement, type ReactNode, useId } from "react";

/** What every field has. */
interface Words {
  label: string;
  /** What helps to fill it in. */
  hint?: string | undefined;
  /** What is wrong with it. */
  problem?: string | undefined;
}

/** What ties an input to its words. */
interface Ties {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean | undefined;
}

/** A label over an input, and what there is to say of it below. */
export function Field(props: Words & { children: (ties: Ties) => ReactNode }): ReactElement {
  const { label, hint, problem, children } = props;
  const id = useId();
  const words = useId();
  const said = problem ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        "aria-describedby": said === undefined ? undefined : words,
        "aria-invalid": problem === undefined ? undefined : true,
      })}
      {said === undefined ? null : (
        <p id={words} className="field-words" data-wrong={problem !== undefined}>
          {said}
        </p>
      )}
    </div>
  );
}

/** One line of text. */
export function TextField({
  label,
  hint,
  problem,
  ...input
}: Words & ComponentProps<"input">): ReactElement {
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(ties) => <input {...input} {...ties} />}
    </Field>
  );
}

/** One of some. */
export function SelectField(
  props: Words & ComponentProps<"select"> & { options: readonly { value: string; word: string }[] },
): ReactElement {
  const { label, hint, problem, options, ...select } = props;
  return (
    <Field label={label} hint={hint} problem={problem}>
      {(ties) => (
        <select {...select} {...ties}>
          {options.map(({ value, word }) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
