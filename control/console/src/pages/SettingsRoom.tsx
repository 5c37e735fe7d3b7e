import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { type ReactElement, useEffect, useRef } from "react";
import { paths } from "../paths.ts";
import { useRights } from "../state/useUser.ts";
import { Notice } from "../parts/Notice.tsx";

const ACTIVE = { "data-active": "true" };
const PAGES = [
  { path: paths.account, word: "Your account", isForAdmins: false },
  { path: paths.organization, word: "Organization", isForAdmins: true },
  { path: paths.people, word: "People", isForAdmins: true },
  { path: paths.numbers, word: "Numbers", isForAdmins: true },
  { path: paths.keys, word: "API keys", isForAdmins: true },
  { path: paths.audit, word: "Audit log", isForAdmins: true },
] as const;

/** What is arranged once, and by whom it may be. */
export default function SettingsRoom(): ReactElement {
  const { administer } = useRights();
  const nav = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On a narrow screen not all pages have room beside each other: the one that is shown is among those that have.
  const last = useRef("");
  useEffect(() => {
    if (last.current === pathname) return;
    last.current = pathname;
    const shown = nav.current?.querySelector('[data-active="true"]');
    shown?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [pathname]);
  return (
    <div className="settings">
      <nav ref={nav} className="settings-nav" aria-label="Settings">
        {PAGES.filter(({ isForAdmins }) => administer || !isForAdmins).map(({ path, word }) => (
          <Link key={path} to={path} activeProps={ACTIVE}>
            {word}
          </Link>
        ))}
      </nav>
      <main id="main" className="settings-main" tabIndex={-1}>
        <Outlet />
      </main>
    </div>
  );
}

/** What only admins arrange. Others are told so, should an address lead them here. */
export function AdminsOnly(): ReactElement {
  const { administer } = useRights();
  if (administer) return <Outlet />;
  return (
    <Notice icon="cross" tone="wrong" title="For admins">
      <p>Your role may not see this. An administrator can change that.</p>
    </Notice>
  );
}
