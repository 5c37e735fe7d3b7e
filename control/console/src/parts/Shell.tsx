import type { User } from "@partyline/client/contract";
import { SILENT } from "@partyline/client/speaker";
import { Outlet, useLocation } from "@tanstack/react-router";
import { type ReactElement, useEffect, useMemo, useState } from "react";
import { useOwnCall } from "../state/useAnswer.ts";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { useSpeakerState } from "../state/useSpeaker.ts";
import { isListening } from "../words/monitor.ts";
import { Alerts } from "./Alerts.tsx";
import { Announcer } from "./Announcer.tsx";
import { Header, ROOMS } from "./Header.tsx";
import { ListeningBar } from "./ListeningBar.tsx";
import { Ringing } from "./Ringing.tsx";
import { ShortcutSheet } from "./ShortcutSheet.tsx";

/** How much a key changes the volume. */
const VOLUME_STEP = 0.1;

/** What stands round every room. */
export function Shell({ user }: { user: User }): ReactElement {
  const { desk, sound } = usePartyline();
  const [isSheetOpen, setSheetOpen] = useState(false);
  useTitle();
  const own = useOwnCall()?.id;

  const shortcuts = useMemo(() => {
    const louder = (by: number) => sound.change({ volume: sound.settings.get().volume + by });
    return {
      "?": () => setSheetOpen(true),
      Escape: () => {
        const monitor = desk.current.get();
        if (monitor === null || !isListening(monitor.state.get())) return false;
        // One step back: from being heard to listening, and only then out. One's own call is not left by a key.
        if (monitor.callId === own) return false;
        const { mode, wanted } = monitor.speaker?.state.get() ?? SILENT;
        if (mode === "listen" && wanted === null) desk.stop();
        else void monitor.speaker?.setMode("listen");
        return true;
      },
      "[": () => louder(-VOLUME_STEP),
      "]": () => louder(VOLUME_STEP),
      "0": () => sound.change({ solo: "both" }),
      "1": () => sound.change({ solo: "caller" }),
      "2": () => sound.change({ solo: "agent" }),
    };
  }, [desk, sound, own]);
  useShortcuts(shortcuts);

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Header user={user} onShortcuts={() => setSheetOpen(true)} />
      <Alerts />
      <Ringing />
      <Outlet />
      <ListeningBar />
      <Announcer />
      {isSheetOpen ? <ShortcutSheet onClose={() => setSheetOpen(false)} /> : null}
    </div>
  );
}

/** Which room it is, and how many calls go on, on the browser's tab. */
function useTitle(): void {
  const { feed, desk } = usePartyline();
  const list = useLive(feed.list);
  const { pathname } = useLocation();
  const room = ROOMS.find(({ path }) => pathname.startsWith(path))?.name ?? "Partyline";
  const going = list.rows.filter((row) => row.leavesAt === null).length;
  const known = list.feed.kind === "current";
  const monitor = useLive(desk.current);
  const isHeard = useSpeakerState(monitor).audience !== "nobody";
  useEffect(() => {
    const count = known && going > 0 ? `(${going}) ` : "";
    // Seen in the row of tabs, too: somebody hears this person.
    document.title = `${isHeard ? "● On air · " : ""}${count}${room} · Partyline`;
  }, [room, known, going, isHeard]);
}
