import { type ReactElement, useState } from "react";
import { TextField } from "../parts/Field.tsx";
import { FormDialog, FormProblem, useSubmit } from "../parts/FormDialog.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { usePartyline } from "../state/usePartyline.ts";
import { useUser } from "../state/useUser.ts";

/** One's own sign-in. */
export default function AccountPage(): ReactElement {
  const { account } = usePartyline();
  const user = useUser();
  const [ending, setEnding] = useState(false);
  return (
    <SettingsPage title="Your account" about={user === null ? "" : `${user.name}, ${user.email}`}>
      <PasswordForm />
      <section className="card settings-card" aria-labelledby="everywhere-title">
        <h2 id="everywhere-title">Other devices</h2>
        <p>Ends all of your sign-ins, here as well. API keys that you made stay.</p>
        <div className="form-end">
          <button type="button" className="button" onClick={() => setEnding(true)}>
            Sign out everywhere
          </button>
        </div>
      </section>
      {ending ? (
        <FormDialog
          title="Sign out everywhere?"
          action="Sign out"
          isDangerous
          onClose={() => setEnding(false)}
          onSubmit={() => account.signOutEverywhere()}
        >
          <p>What you have open anywhere ends at once, calls you hear as well.</p>
        </FormDialog>
      ) : null}
    </SettingsPage>
  );
}

function PasswordForm(): ReactElement {
  const { api } = usePartyline();
  const [isChanged, setChanged] = useState(false);
  const { submit, busy, problem } = useSubmit(async (fields, form) => {
    setChanged(false);
    await api.changePassword(fields.text("old", "as typed"), fields.text("new", "as typed"));
    form.reset();
    setChanged(true);
  });
  return (
    <form className="card settings-card form" aria-labelledby="password-title" onSubmit={submit}>
      <h2 id="password-title">Password</h2>
      <TextField
        label="Password until now"
        name="old"
        type="password"
        required
        maxLength={1024}
        autoComplete="current-password"
      />
      <TextField
        label="New password"
        name="new"
        type="password"
        required
        minLength={8}
        maxLength={1024}
        autoComplete="new-password"
        hint="At least 8 characters. Your sign-ins on other devices end."
      />
      <FormProblem problem={problem} />
      <p role="status" className="form-done">
        {isChanged ? "The password is changed." : ""}
      </p>
      <div className="form-end">
        <button type="submit" className="button primary" aria-disabled={busy}>
          {busy ? "One moment…" : "Change password"}
        </button>
      </div>
    </form>
  );
}
