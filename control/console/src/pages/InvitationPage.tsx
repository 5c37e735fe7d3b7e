import { Link, useLocation, useNavigate } from "@tanstack/react-router";
import { type ReactElement, useEffect } from "react";
import { TextField } from "../parts/Field.tsx";
import { FormProblem, useSubmit } from "../parts/FormDialog.tsx";
import { Notice } from "../parts/Notice.tsx";
import { Wordmark } from "../parts/Wordmark.tsx";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";

/** What an invitation's link leads to: a name and a password, and one is in. */
export default function InvitationPage(): ReactElement {
  const { account } = usePartyline();
  const navigate = useNavigate();
  const { hash } = useLocation();
  useEffect(() => {
    document.title = "Invitation · Partyline";
  }, []);
  const { submit, busy, problem } = useSubmit(async (fields) => {
    await account.accept(hash, fields.text("name"), fields.text("password", "as typed"));
    await navigate({ to: paths.calls, replace: true });
  });
  return (
    <main className="sign-in">
      <form className="sign-in-card" onSubmit={submit}>
        <Wordmark />
        <h1>Welcome</h1>
        <p className="quiet">
          You were invited to hear calls while they go on. Say who you are and choose a password.
        </p>
        <TextField label="Name" name="name" required maxLength={100} autoComplete="name" />
        <TextField
          label="Password"
          name="password"
          type="password"
          required
          minLength={8}
          maxLength={1024}
          autoComplete="new-password"
          hint="At least 8 characters."
        />
        {problem?.kind === "not_found" ? (
          <div role="alert">
            <p className="form-problem">
              This invitation is good no more: it was used or revoked, or is too old. Ask for another one.
            </p>
          </div>
        ) : (
          <FormProblem problem={problem} />
        )}
        <button type="submit" className="button primary" aria-disabled={busy}>
          {busy ? "One moment…" : "Begin"}
        </button>
      </form>
    </main>
  );
}

/** Whoever is signed in has come in already. */
export function InvitationInside(): ReactElement {
  return (
    <main id="main" className="pane" tabIndex={-1}>
      <Notice icon="check" title="You are signed in">
        <p>To accept this invitation as somebody else, sign out first.</p>
        <p>
          <Link to={paths.calls}>Go to the live calls</Link>
        </p>
      </Notice>
    </main>
  );
}
