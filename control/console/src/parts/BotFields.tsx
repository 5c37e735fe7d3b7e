import type { ReactElement } from "react";
import type { AnsweringParts } from "./AnsweringForm.tsx";
import { Field, TextField } from "./Field.tsx";
import { ParametersField } from "./ParametersField.tsx";

/** The bot that answers, if one does. */
export function BotFields(parts: AnsweringParts): ReactElement {
  const { form, wrong, write } = parts;
  if (form.who === "person") {
    return (
      <p className="field-words">
        The call rings for agents and supervisors here until one of them answers.
      </p>
    );
  }
  return (
    <>
      {form.who === "stream" ? <StreamFields {...parts} /> : <OpenAiFields {...parts} />}
      <TextField
        label="What callers hear when the bot fails"
        maxLength={500}
        placeholder="One moment, please."
        value={form.fallback}
        problem={wrong["bot.fallback"]}
        hint="Then they wait for a person. Left empty: nothing."
        onChange={({ target }) => write({ fallback: target.value })}
      />
    </>
  );
}

function StreamFields({ form, wrong, write }: AnsweringParts): ReactElement {
  return (
    <>
      <TextField
        label="Address of the bot"
        type="url"
        inputMode="url"
        autoComplete="off"
        spellCheck={false}
        required
        maxLength={1000}
        placeholder="wss://bot.example.com/twilio"
        value={form.url}
        problem={wrong["bot.url"]}
        hint="wss:// at a public address. The gateways connect to others only where their operator allows it."
        onChange={({ target }) => write({ url: target.value })}
      />
      <ParametersField
        parameters={form.parameters}
        problem={wrong["bot.parameters"]}
        onChange={(parameters) => write({ parameters })}
      />
      <TextField
        label="Seconds of silence until it is taken for dead"
        inputMode="numeric"
        maxLength={4}
        placeholder="Never"
        value={form.stallSeconds}
        problem={wrong["bot.stall_seconds"]}
        hint="1 to 600, counted while it should speak. Left empty: never."
        onChange={({ target }) => write({ stallSeconds: target.value })}
      />
    </>
  );
}

function OpenAiFields({ form, wrong, write }: AnsweringParts): ReactElement {
  return (
    <>
      <div className="field-pair">
        <TextField
          label="Model"
          required
          maxLength={100}
          autoComplete="off"
          spellCheck={false}
          value={form.model}
          problem={wrong["bot.model"]}
          hint="As OpenAI names it. The gateways need OpenAI's key."
          onChange={({ target }) => write({ model: target.value })}
        />
        <TextField
          label="Voice"
          maxLength={100}
          autoComplete="off"
          spellCheck={false}
          placeholder="marin"
          value={form.botVoice}
          problem={wrong["bot.voice"]}
          hint="Left empty: the model's default."
          onChange={({ target }) => write({ botVoice: target.value })}
        />
      </div>
      <Field
        label="Instructions"
        problem={wrong["bot.instructions"]}
        hint="What it is, what it may do, and when it should hand over. At most 16,000 characters."
      >
        {(ties) => (
          <textarea
            {...ties}
            rows={6}
            maxLength={16_000}
            value={form.instructions}
            onChange={({ target }) => write({ instructions: target.value })}
          />
        )}
      </Field>
      <TextField
        label="What it says first"
        maxLength={500}
        value={form.greeting}
        problem={wrong["bot.greeting"]}
        hint="Left empty: it waits for the caller."
        onChange={({ target }) => write({ greeting: target.value })}
      />
    </>
  );
}
