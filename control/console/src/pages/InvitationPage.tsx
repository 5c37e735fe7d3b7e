import type { Problem } from "@partyline/client/problem";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, type ReactElement, useEffect, useState } from "react";
import { Notice } from "../parts/Notice.tsx";
import { Wordmark } from "../parts/Wordmark.tsx";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { describeInvitationProblem } from "../words/problem.ts";

type Attempt = { kind: "ready" } | { kind: "sending" } | { kind: "failed"; problem: Problem };

/** Who was invited chooses a name and a password. The invitation stands behind the `#` of the address. */
export default function InvitationPage({ invitation }: { invitation: string }): ReactElement {
  const { account } = usePartyline();
  const navigate = useNavigate();
  const [attempt, setAttempt] = useState<Attempt>({ kind: "ready" });

  useEffect(() => {
    document.title = "Invitation · Partyline";
  }, []);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (attempt.kind === "sending") return;
    const fields = new FormData(event.currentTarget);
    const text = (name: string) => {
      const value = fields.get(name);
      return typeof value === "string" ? value : "";
    };
    setAttempt({ kind: "sending" });
    const problem = await account.join(invitation, text("name").trim(), text("password"));
    if (problem === null) await navigate({ to: paths.calls, replace: true });
    else setAttempt({ kind: "failed", problem });
  };

  const failed = attempt.kind === "failed";
  return (
    <main className="sign-in">
      <form className="sign-in-card" onSubmit={(event) => void submit(event)}>
        <Wordmark />
        <h1>You are invited</h1>
        <p className="quiet">Choose a name that others see, and a password to sign in with.</p>
        <label className="field">
          Name
          <input name="name" autoComplete="name" required maxLength={100} />
        </label>
        <label className="field">
          Password
          <input
            name="password"
            type="password"
            autoComplete="new-password"
            required
            minLength={8}
            maxLength={1024}
            aria-describedby={failed ? "invitation-problem" : undefined}
          />
        </label>
        <div role="alert" id="invitation-problem">
          {failed ? <p className="form-problem">{describeInvitationProblem(attempt.problem)}</p> : null}
        </div>
        <button type="submit" className="button primary" aria-disabled={attempt.kind === "sending"}>
          {attempt.kind === "sending" ? "Joining…" : "Join"}
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
        <p>To accept an invitation as somebody else, sign out first.</p>
        <p>
          <Link to={paths.calls}>Go to the live calls</Link>
        </p>
      </Notice>
    </main>
  );
}
