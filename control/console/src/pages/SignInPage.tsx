import type { Problem } from "@partyline/client/problem";
import { type ReactElement, type FormEvent, useEffect, useRef, useState } from "react";
import { Wordmark } from "../parts/Wordmark.tsx";
import { useNow } from "../state/useNow.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { describeProviderProblem, describeSignInProblem } from "../words/problem.ts";

type Attempt =
  | { kind: "ready" }
  | { kind: "sending" }
  /** `until`: local time in ms before which another attempt is in vain; null when it is not. */
  | { kind: "failed"; problem: Problem; until: number | null };

/** Who are you? */
export default function SignInPage({ why }: { why: "new" | "expired" | "asked" }): ReactElement {
  const { account } = usePartyline();
  const [attempt, setAttempt] = useState<Attempt>({ kind: "ready" });
  const [provider, setProvider] = useState<string | null>(null);
  const [turned] = useState(() => new URLSearchParams(location.search).get("sign_in_problem"));
  const form = useRef<HTMLFormElement>(null);
  const password = useRef<HTMLInputElement>(null);

  useEffect(() => {
    document.title = "Sign in · Partyline";
    let gone = false;
    const ask = async () => {
      const name = await account.provider();
      if (!gone) setProvider(name);
    };
    void ask();
    return () => {
      gone = true;
    };
  }, [account]);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (attempt.kind === "sending") return;
    const fields = new FormData(event.currentTarget);
    const text = (name: string) => {
      const value = fields.get(name);
      return typeof value === "string" ? value : "";
    };
    setAttempt({ kind: "sending" });
    const problem = await account.signIn(text("email").trim(), text("password"));
    // On success the account's state takes this page away.
    if (problem === null) return;
    const until = problem.kind === "too_many" ? Date.now() + problem.retryAfterSeconds * 1000 : null;
    setAttempt({ kind: "failed", problem, until });
    password.current?.select();
    password.current?.focus();
  };

  const failed = attempt.kind === "failed";
  return (
    <main className="sign-in">
      <form ref={form} className="sign-in-card" onSubmit={(event) => void submit(event)} noValidate={false}>
        <Wordmark />
        <h1>Sign in</h1>
        <p className="quiet">
          {why === "expired" ? "You were signed out. Sign in to go on where you were." : null}
          {why === "asked" ? "You are signed out." : null}
          {why === "new" ? "Hear your calls while they go on." : null}
        </p>
        <label className="field">
          E-mail
          <input
            name="email"
            type="email"
            autoComplete="username"
            required
            maxLength={254}
            aria-invalid={failed}
            aria-describedby={failed ? "sign-in-problem" : undefined}
          />
        </label>
        <label className="field">
          Password
          <input
            ref={password}
            name="password"
            type="password"
            autoComplete="current-password"
            required
            maxLength={1024}
            aria-invalid={failed}
            aria-describedby={failed ? "sign-in-problem" : undefined}
          />
        </label>
        <div role="alert" id="sign-in-problem">
          {failed ? <ProblemWords problem={attempt.problem} until={attempt.until} /> : null}
          {attempt.kind === "ready" && turned !== null ? (
            <p className="form-problem">{describeProviderProblem(turned)}</p>
          ) : null}
        </div>
        <button type="submit" className="button primary" aria-disabled={attempt.kind === "sending"}>
          {attempt.kind === "sending" ? "Signing in…" : "Sign in"}
        </button>
        {provider === null ? null : (
          <a className="button" href={`/api/auth/oidc/login?return_to=${encodeURIComponent(here())}`}>
            Sign in with {provider}
          </a>
        )}
      </form>
    </main>
  );
}

/** The page to go on with. Where the provider's way ended before, it is the beginning. */
function here(): string {
  return location.search === "" && location.pathname.length <= 200 ? location.pathname : "/";
}

function ProblemWords({ problem, until }: { problem: Problem; until: number | null }): ReactElement {
  const now = useNow();
  const left = until === null ? null : Math.ceil((until - now) / 1000);
  const words =
    problem.kind === "too_many" && left !== null
      ? left > 0
        ? describeSignInProblem({ kind: "too_many", retryAfterSeconds: left })
        : "You can try again now."
      : describeSignInProblem(problem);
  return <p className="form-problem digits">{words}</p>;
}
