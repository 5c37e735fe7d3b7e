import type { TenantView } from "@partyline/client/contract";
import { type ReactElement, useState } from "react";
import { TextField } from "../parts/Field.tsx";
import { FormProblem, useSubmit } from "../parts/FormDialog.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { usePartyline } from "../state/usePartyline.ts";
import { type Setting, useSetting } from "../state/useSetting.ts";
import { MODES } from "../words/speaking.ts";

/** In which modes somebody is heard. */
const LOUD = ["whisper", "join", "takeover"] as const;

/** The organization's name, and how long its calls are kept. */
export default function OrganizationPage(): ReactElement {
  const { api } = usePartyline();
  const { view, after } = useSetting("tenant", (signal) => api.tenant(signal));
  return (
    <SettingsPage
      title="Organization"
      about="What it is called, how long its calls are kept, and what callers are told."
    >
      <Loaded view={view} what="the organization" size="page">
        {(tenant) => <TenantForm tenant={tenant} after={after} />}
      </Loaded>
    </SettingsPage>
  );
}

function TenantForm(props: { tenant: TenantView; after: Setting<TenantView>["after"] }): ReactElement {
  const { tenant, after } = props;
  const { api } = usePartyline();
  const kept = tenant.settings?.retention_days ?? null;
  const told = tenant.settings?.disclosure ?? null;
  const [isSaved, setSaved] = useState(false);
  const { submit, busy, problem } = useSubmit(async (fields) => {
    setSaved(false);
    const days = fields.text("days");
    const text = fields.text("disclosure");
    const disclosure = text === "" ? null : { ...told, text };
    // All of the settings are sent anew: what this form does not ask for stays as it is.
    const modes = LOUD.filter((mode) => fields.all("speaking").includes(mode));
    const settings = {
      ...tenant.settings,
      retention_days: days === "" ? null : Number(days),
      disclosure,
      speaking_modes: modes.length === LOUD.length ? null : modes,
    };
    await after(api.changeTenant({ name: fields.text("name"), settings }));
    setSaved(true);
  });
  return (
    <form className="card settings-card form" aria-label="Organization" onSubmit={submit}>
      <TextField label="Name" name="name" required maxLength={100} defaultValue={tenant.name} />
      <TextField
        label="Days that calls are kept"
        name="days"
        type="number"
        min={1}
        max={3650}
        step={1}
        defaultValue={kept ?? ""}
        hint="Counted from a call's begin; then its record and all that belongs to it is deleted for good. Left empty: for ever."
      />
      <TextField
        label="What callers are told first"
        name="disclosure"
        maxLength={500}
        defaultValue={told?.text ?? ""}
        hint="As that the call may be listened to. For all numbers that say nothing of their own. Left empty: nothing."
      />
      <fieldset className="choices">
        <legend>How people may be heard who help in a call</legend>
        {LOUD.map((mode) => (
          <label key={mode} className="check">
            <input
              type="checkbox"
              name="speaking"
              value={mode}
              defaultChecked={tenant.settings?.speaking_modes?.includes(mode) ?? true}
            />
            {MODES[mode].word}: {MODES[mode].long.toLowerCase()}
          </label>
        ))}
      </fieldset>
      <FormProblem problem={problem} />
      <p role="status" className="form-done">
        {isSaved ? "Saved." : ""}
      </p>
      <div className="form-end">
        <button type="submit" className="button primary" aria-disabled={busy}>
          {busy ? "One moment…" : "Save"}
        </button>
      </div>
    </form>
  );
}
