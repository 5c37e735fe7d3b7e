import type { ReactElement } from "react";
import { WAITING } from "../words/answering.ts";
import { keysOf } from "../words/settings.ts";
import type { AnsweringParts } from "./AnsweringForm.tsx";
import { Field, SelectField, TextField } from "./Field.tsx";

/** What callers hear who wait for a person, and for how long they do. */
export function WaitingFields({ form, wrong, write }: AnsweringParts): ReactElement {
  return (
    <fieldset className="card form">
      <legend>While callers wait for a person</legend>
      {form.who === "person" ? null : (
        <p className="field-words">They wait only when the bot has failed.</p>
      )}
      <SelectField
        label="They hear"
        value={form.waiting}
        options={keysOf(WAITING).map((value) => ({ value, word: WAITING[value] }))}
        onChange={({ target }) =>
          write({ waiting: keysOf(WAITING).find((one) => one === target.value) ?? "standard" })
        }
      />
      {form.waiting === "own" ? (
        <>
          <Field label="Words" problem={wrong["waiting.text"]} hint="At most 500 characters, on one line.">
            {(ties) => (
              <textarea
                {...ties}
                rows={2}
                maxLength={500}
                value={form.text}
                onChange={({ target }) => write({ text: target.value.replace(/[\r\n]+/g, " ") })}
              />
            )}
          </Field>
          <div className="field-pair">
            <TextField
              label="Language"
              maxLength={100}
              placeholder="en-GB"
              value={form.language}
              problem={wrong["waiting.language"]}
              hint="Left empty: the voice's own."
              onChange={({ target }) => write({ language: target.value })}
            />
            <TextField
              label="Voice that says it"
              maxLength={100}
              value={form.voice}
              problem={wrong["waiting.voice"]}
              hint="As the gateways' provider of speech names it. Left empty: its default."
              onChange={({ target }) => write({ voice: target.value })}
            />
          </div>
        </>
      ) : null}
      <div className="field-pair">
        <TextField
          label="Said again after (seconds)"
          inputMode="numeric"
          maxLength={4}
          placeholder="20"
          value={form.everySeconds}
          problem={wrong["waiting.every_seconds"]}
          hint="5 to 300. Left empty: 20."
          onChange={({ target }) => write({ everySeconds: target.value })}
        />
        <TextField
          label="Given up after (seconds)"
          inputMode="numeric"
          maxLength={4}
          placeholder="120"
          value={form.giveUpSeconds}
          problem={wrong["waiting.give_up_seconds"]}
          hint="5 to 3600. Then the number it rings is called, or the call ends. Left empty: 120."
          onChange={({ target }) => write({ giveUpSeconds: target.value })}
        />
      </div>
    </fieldset>
  );
}
