import type { NumberSettings } from "@partyline/client/contract";
import { type FormEvent, type ReactElement, useEffect, useRef, useState } from "react";
import { useAct } from "../state/useAct.ts";
import {
  ANSWERERS,
  type Answering,
  type Wrong,
  answeringOf,
  settingsOf,
  wrongIn,
  wrongWith,
} from "../words/answering.ts";
import { keysOf } from "../words/settings.ts";
import { BotFields } from "./BotFields.tsx";
import { SelectField, TextField } from "./Field.tsx";
import { FormProblem } from "./FormDialog.tsx";
import { UnsavedGuard } from "./UnsavedGuard.tsx";
import { WaitingFields } from "./WaitingFields.tsx";

/** What the parts of the form are given. */
export interface AnsweringParts {
  readonly form: Answering;
  readonly wrong: Wrong;
  readonly write: (part: Partial<Answering>) => void;
}

/** Who answers a number's calls, and what callers hear. What is wrong is said at its field. */
export function AnsweringForm(props: {
  settings: NumberSettings;
  /** Resolves when the settings are kept, and known. */
  onSave: (settings: NumberSettings) => Promise<unknown>;
}): ReactElement {
  const { settings, onSave } = props;
  const [draft, setDraft] = useState<Answering | null>(null);
  const [refused, setRefused] = useState<Wrong>({});
  const [isSaved, setSaved] = useState(false);
  const { busy, problem, act } = useAct();
  const element = useRef<HTMLFormElement>(null);
  const leads = useRef(false);

  const kept = answeringOf(settings);
  const form = draft ?? kept;
  const isDirty = draft !== null && JSON.stringify(draft) !== JSON.stringify(kept);
  const told = wrongIn(problem);
  const wrong = { ...told, ...refused };

  // Led to what is wrong, also without eyes: once after each attempt.
  useEffect(() => {
    const first = leads.current
      ? element.current?.querySelector<HTMLElement>('[aria-invalid="true"]')
      : null;
    if (first === null || first === undefined) return;
    leads.current = false;
    first.focus();
  });

  const write = (part: Partial<Answering>) => {
    leads.current = false;
    setSaved(false);
    setDraft({ ...form, ...part });
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    const faults = wrongWith(form);
    leads.current = true;
    setSaved(false);
    setRefused(faults);
    if (Object.keys(faults).length > 0) return;
    const isDone = await act(() => onSave(settingsOf(form, settings)));
    if (!isDone) return;
    setDraft(null);
    setSaved(true);
  };
  const parts = { form, wrong, write };
  return (
    <form
      ref={element}
      className="form answering"
      aria-label="Answering"
      noValidate
      onSubmit={(event) => void save(event)}
    >
      <fieldset className="card form">
        <legend>Before anything else</legend>
        <TextField
          label="What callers are told first"
          maxLength={500}
          value={form.told}
          problem={wrong["disclosure.text"]}
          hint="As that the call may be listened to. Left empty: what the organization's settings say."
          onChange={({ target }) => write({ told: target.value })}
        />
        {form.told.trim() === "" ? null : <ToldFields {...parts} />}
      </fieldset>
      <fieldset className="card form">
        <legend>Who answers</legend>
        <SelectField
          label="Calls are answered by"
          value={form.who}
          options={keysOf(ANSWERERS).map((value) => ({ value, word: ANSWERERS[value] }))}
          onChange={({ target }) =>
            write({ who: keysOf(ANSWERERS).find((who) => who === target.value) ?? "person" })
          }
        />
        <BotFields {...parts} />
      </fieldset>
      <WaitingFields {...parts} />
      {told === null ? <FormProblem problem={problem} /> : null}
      <p role="status" className="form-done">
        {isSaved ? "Saved." : ""}
      </p>
      <div className="form-end answering-end">
        <button type="submit" className="button primary" aria-disabled={busy}>
          {busy ? "One moment…" : "Save"}
        </button>
        {isDirty && !busy ? (
          <>
            <button type="button" className="button" onClick={() => setDraft(null)}>
              Discard changes
            </button>
            <span className="quiet">Not saved yet</span>
          </>
        ) : null}
      </div>
      <UnsavedGuard isDirty={isDirty} />
    </form>
  );
}

function ToldFields({ form, wrong, write }: AnsweringParts): ReactElement {
  return (
    <div className="field-pair">
      <TextField
        label="Language of these words"
        maxLength={100}
        placeholder="en-GB"
        value={form.toldLanguage}
        problem={wrong["disclosure.language"]}
        hint="Left empty: Twilio's default."
        onChange={({ target }) => write({ toldLanguage: target.value })}
      />
      <TextField
        label="Twilio's voice for them"
        maxLength={100}
        placeholder="Polly.Amy"
        value={form.toldVoice}
        problem={wrong["disclosure.voice"]}
        hint="Left empty: Twilio's default."
        onChange={({ target }) => write({ toldVoice: target.value })}
      />
    </div>
  );
}
