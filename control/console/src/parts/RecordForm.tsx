import type { Call } from "@partyline/client/contract";
import { type FormEvent, type KeyboardEvent, type ReactElement, useRef } from "react";
import { useCallChange } from "../state/useCallChange.ts";
import { type Part, type Written, useRecordDraft } from "../state/useRecordDraft.ts";
import { describeChangeProblem } from "../words/problem.ts";
import { Field, TextField } from "./Field.tsx";
import { Icon } from "./Icon.tsx";
import { TagsField } from "./TagsField.tsx";

const PARTS: Record<Part, string> = { caller_name: "the name", tags: "the tags", notes: "the notes" };

/** What people write of a call: name, tags, notes. */
export function RecordForm({ call }: { call: Call }): ReactElement {
  const draft = useRecordDraft(call);
  const { busy, problem, change, dismiss } = useCallChange(call.id);
  const form = useRef<HTMLFormElement>(null);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || draft.change === null) return;
    if (await change(draft.change)) draft.drop();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.current?.requestSubmit();
  };
  const dirty = draft.change !== null;
  return (
    <form
      ref={form}
      className="card record-form"
      aria-labelledby="notes-title"
      onSubmit={(event) => void save(event)}
    >
      <h3 id="notes-title">Notes</h3>
      <TextField
        label="Caller"
        placeholder="Name unknown"
        maxLength={200}
        autoComplete="off"
        value={draft.shown.caller_name}
        onChange={({ target }) => draft.write({ caller_name: target.value })}
      />
      <TagsField tags={draft.shown.tags} onChange={(tags) => draft.write({ tags })} />
      <Field label="Notes">
        {(ties) => (
          <textarea
            {...ties}
            rows={4}
            maxLength={10_000}
            value={draft.shown.notes}
            onKeyDown={onKeyDown}
            onChange={({ target }) => draft.write({ notes: target.value })}
          />
        )}
      </Field>
      {draft.contested.length === 0 ? null : (
        <Contested parts={draft.contested} now={call} onTake={draft.yield} />
      )}
      <div role="alert">
        {problem === null ? null : <p className="form-problem">{describeChangeProblem(problem)}</p>}
      </div>
      {dirty || busy ? (
        <div className="form-end">
          <button type="submit" className="button primary" aria-disabled={busy}>
            {busy ? "Saving…" : draft.contested.length > 0 ? "Save mine" : "Save"}
          </button>
          <button
            type="button"
            className="button"
            onClick={() => {
              draft.drop();
              dismiss();
            }}
          >
            Discard
          </button>
        </div>
      ) : null}
    </form>
  );
}

/** Somebody else wrote the same at the same time. */
function Contested(props: { parts: readonly Part[]; now: Call; onTake: () => void }): ReactElement {
  const { parts, now, onTake } = props;
  const theirs: Written = { caller_name: now.caller_name ?? "", tags: now.tags, notes: now.notes ?? "" };
  return (
    <div className="banner" role="status">
      <Icon name="warning" />
      <span className="banner-text">
        Somebody changed {parts.map((part) => PARTS[part]).join(" and ")} while you wrote:{" "}
        {parts.map((part) => `“${String(theirs[part]).slice(0, 200)}”`).join(", ")}
      </span>
      <button type="button" className="link-button" onClick={onTake}>
        Take theirs
      </button>
    </div>
  );
}

/** What people wrote, for those who may not change it. */
export function RecordNotes({ call }: { call: Call }): ReactElement | null {
  if (call.notes === null || call.notes === "") return null;
  return (
    <section className="card" aria-labelledby="notes-title">
      <h3 id="notes-title">Notes</h3>
      <p className="written">{call.notes}</p>
    </section>
  );
}
