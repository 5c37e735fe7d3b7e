import { type Problem, problemIn } from "@partyline/client/problem";
import { type FormEvent, type ReactElement, type ReactNode, useState } from "react";
import { describeChangeProblem } from "../words/problem.ts";
import { Dialog } from "./Dialog.tsx";

/** What stands in a form, by the names of its fields. */
export interface Fields {
  /** The text of a field, without spaces around it unless `asTyped`. */
  text(name: string, asTyped?: "as typed"): string;
  /** All chosen values of a name. */
  all(name: string): string[];
}

/** Asks for something and does it. Stays open, with what was typed, until it is done. */
export function FormDialog(props: {
  title: string;
  /** The word on the button. */
  action: string;
  /** Whether it takes something away. */
  isDangerous?: boolean;
  /** Resolves when it is done: then the dialog closes. */
  onSubmit: (fields: Fields) => Promise<unknown>;
  onClose: () => void;
  children: ReactNode;
}): ReactElement {
  const { title, action, isDangerous = false, onSubmit, onClose, children } = props;
  const { submit, busy, problem } = useSubmit(async (fields) => {
    await onSubmit(fields);
    onClose();
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="form" onSubmit={submit}>
        {children}
        <FormProblem problem={problem} />
        <div className="form-end">
          <button
            type="submit"
            className={isDangerous ? "button danger" : "button primary"}
            aria-disabled={busy}
          >
            {busy ? "One moment…" : action}
          </button>
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Sends a form once at a time, and keeps what went wrong. */
export function useSubmit(onSubmit: (fields: Fields, form: HTMLFormElement) => Promise<unknown>): {
  submit: (event: FormEvent<HTMLFormElement>) => void;
  busy: boolean;
  problem: Problem | null;
} {
  const [state, setState] = useState<{ busy: boolean; problem: Problem | null }>({
    busy: false,
    problem: null,
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (state.busy) return;
    const form = event.currentTarget;
    setState({ busy: true, problem: null });
    onSubmit(fieldsOf(form), form).then(
      () => setState({ busy: false, problem: null }),
      (error: unknown) => setState({ busy: false, problem: problemIn(error) }),
    );
  };
  return { submit, ...state };
}

/** Why it was not done. */
export function FormProblem({ problem }: { problem: Problem | null }): ReactElement {
  return (
    <div role="alert">
      {problem === null ? null : <p className="form-problem">{describeChangeProblem(problem)}</p>}
    </div>
  );
}

/** What stands in the form now. */
export function fieldsOf(form: HTMLFormElement): Fields {
  const data = new FormData(form);
  return {
    text: (name, asTyped) => {
      const value = data.get(name);
      const text = typeof value === "string" ? value : "";
      return asTyped === undefined ? text.trim() : text;
    },
    all: (name) => data.getAll(name).filter((value) => typeof value === "string"),
  };
}
