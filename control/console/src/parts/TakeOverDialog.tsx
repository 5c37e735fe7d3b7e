import type { Call } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { useTakeOver } from "../state/useSpeaker.ts";
import { callerOf } from "../words/call.ts";
import { Field, SelectField } from "./Field.tsx";
import { FormDialog } from "./FormDialog.tsx";

/** Why people take over: what teams count, with a note for what they do not. */
const REASONS = [
  "The caller asks for a person",
  "The AI is stuck or wrong",
  "Complaint",
  "Complex matter",
  "Sensitive matter",
  "Other",
].map((word) => ({ value: word, word }));
/** Longest note, in UTF-16 units. */
const LONGEST_NOTES = 2000;

/** The second act of taking over: what the call is about, why, and then the AI is silent. */
export function TakeOverDialog({ call, onClose }: { call: Call; onClose: () => void }): ReactElement {
  const takeOver = useTakeOver(call);
  return (
    <FormDialog
      title={`Take over from the AI with ${callerOf(call)}?`}
      action="Take over"
      isDangerous
      onClose={onClose}
      onSubmit={(fields) => takeOver({ reason: fields.text("reason"), notes: fields.text("notes") })}
    >
      {call.summary === null ? null : <p className="written">{call.summary}</p>}
      <p className="quiet">
        The AI falls silent at once. Nobody hears you until you open your microphone; you can hand the call
        back.
      </p>
      <SelectField label="Reason" name="reason" options={REASONS} />
      <Field label="Note" hint="Kept in the audit log, for who looks at this call later.">
        {(ties) => <textarea name="notes" rows={3} maxLength={LONGEST_NOTES} {...ties} />}
      </Field>
    </FormDialog>
  );
}
