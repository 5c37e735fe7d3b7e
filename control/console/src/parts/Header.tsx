import type { User } from "@partyline/client/contract";
import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";
import { paths } from "../paths.ts";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { feedWord } from "../words/feed.ts";
import { Icon } from "./Icon.tsx";
import { ThemeSwitch } from "./ThemeSwitch.tsx";
import { Wordmark } from "./Wordmark.tsx";

const ACTIVE = { "data-active": "true" };

/** The rooms, as the header names them. */
export const ROOMS = [
  { path: paths.calls, name: "Live calls", short: "Live", icon: "phone" },
  { path: paths.records, name: "Records", short: "Records", icon: "records" },
  { path: paths.analytics, name: "Analytics", short: "Analytics", icon: "bars" },
  { path: paths.settings, name: "Settings", short: "Settings", icon: "settings" },
] as const;

/** Where one is, how fresh it is, who one is. */
export function Header({ user, onShortcuts }: { user: User; onShortcuts: () => void }): ReactElement {
  const { account, feed } = usePartyline();
  const { feed: freshness } = useLive(feed.list);
  return (
    <header className="header">
      <Link to={paths.calls} className="home" aria-label="Partyline, live calls">
        <Wordmark />
      </Link>
      <nav className="rooms" aria-label="Rooms">
        {ROOMS.map(({ path, short, icon }) => (
          <Link key={path} to={path} className="room" activeProps={ACTIVE} aria-label={short} title={short}>
            <Icon name={icon} />
            <span className="room-word">{short}</span>
          </Link>
        ))}
      </nav>
      <span className="tenant">{user.tenant.name}</span>
      <span className="feed-chip" data-feed={freshness.kind}>
        <span className="dot" aria-hidden="true" />
        <span className="feed-word">{feedWord(freshness)}</span>
      </span>
      <span className="header-end">
        <button
          type="button"
          className="icon-button"
          aria-label="Keyboard shortcuts"
          aria-keyshortcuts="?"
          title="Keyboard shortcuts (?)"
          onClick={onShortcuts}
        >
          <Icon name="keyboard" />
        </button>
        <ThemeSwitch />
        <span className="user">
          <span className="user-name">{user.name}</span>
          <span className="user-role">{user.role}</span>
        </span>
        <button
          type="button"
          className="icon-button"
          title="Sign out"
          onClick={() => void account.signOut()}
        >
          <Icon name="leave" />
          <span className="sign-out-word">Sign out</span>
        </button>
      </span>
    </header>
  );
}
