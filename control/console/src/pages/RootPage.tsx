import { useLocation } from "@tanstack/react-router";
import { type ReactElement, useLayoutEffect } from "react";
import { Notice } from "../parts/Notice.tsx";
import { Shell } from "../parts/Shell.tsx";
import { Wordmark } from "../parts/Wordmark.tsx";
import { useLive } from "../state/useLive.ts";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import InvitationPage from "./InvitationPage.tsx";
import SignInPage from "./SignInPage.tsx";

/** The door. Whoever comes in by it stands at the address that was asked for. */
export default function RootPage(): ReactElement {
  const { account, preferences } = usePartyline();
  const { theme } = useLive(preferences.value);
  useLayoutEffect(() => {
    document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  const state = useLive(account.state);
  const { pathname, hash } = useLocation();
  switch (state.kind) {
    case "checking":
      return (
        <main className="splash" role="status">
          <Wordmark />
          <span className="hidden-text">Loading</span>
        </main>
      );
    case "unreachable":
      return (
        <main className="splash">
          <Wordmark />
          <Notice icon="warning" title="Partyline cannot be reached" tone="wrong">
            <p>It is tried again by itself. Is the network up?</p>
            <button type="button" className="button" onClick={() => void account.resume()}>
              Try now
            </button>
          </Notice>
        </main>
      );
    case "signed_out":
      return pathname === paths.invitation && hash !== "" ? (
        <InvitationPage invitation={hash} />
      ) : (
        <SignInPage why={state.why} />
      );
    case "signed_in":
      return <Shell user={state.user} />;
  }
}
