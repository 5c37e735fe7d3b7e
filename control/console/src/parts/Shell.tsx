import type { User } from "@partyline/client/contract";
import { Outlet, useLocation } from "@tanstack/react-router";
import { type ReactElement, useEffect, useMemo, useState } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { isListening } from "../words/monitor.ts";
import { Announcer } from "./Announcer.tsx";
import { Header, ROOMS } from "./Header.tsx";
import { ListeningBar } from "./ListeningBar.tsx";
import { ShortcutSheet } from "./ShortcutSheet.tsx";

/** How much a key changes the volume. */
const VOLUME_STEP = 0.1;

/** What stands round every room. */
export function Shell({ user }: { user: User }): ReactElement {
  const { desk, sound } = usePartyline();
  const [isSheetOpen, setSheetOpen] = useState(false);
  useTitle();

  const shortcuts = useMemo(() => {
    const louder = (by: number) => sound.change({ volume: sound.settings.get().volume + by });
    return {
      "?": () => setSheetOpen(true),
      Escape: () => {
        const state = desk.current.get()?.state.get();
        if (state === undefined || !isListening(state)) return false;
        desk.stop();
        return true;
      },
      "[": () => louder(-VOLUME_STEP),
      "]": () => louder(VOLUME_STEP),
      "0": () => sound.change({ solo: "both" }),
      "1": () => sound.change({ solo: "caller" }),
      "2": () => sound.change({ solo: "agent" }),
    };
  }, [desk, sound]);
  useShortcuts(shortcuts);

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header user={user} onShortcuts={() => setSheetOpen(true)} />
      <Outlet />
      <ListeningBar />
      <Announcer />
      {isSheetOpen ? <ShortcutSheet onClose={() => setSheetOpen(false)} /> : null}
    </div>
  );
}

/** Which room it is, and how many calls go on, on the browser's tab. */
function useTitle(): void {
  const { feed } = usePartyline();
  const list = useLive(feed.list);
  const { pathname } = useLocation();
  const room = ROOMS.find(({ path }) => pathname.startsWith(path))?.name ?? "Partyline";
  const going = list.rows.filter((row) => row.leavesAt === null).length;
  const known = list.feed.kind === "current";
  useEffect(() => {
    document.title = `${known && going > 0 ? `(${going}) ` : ""}${room} · Partyline`;
  }, [room, known, going]);
}
