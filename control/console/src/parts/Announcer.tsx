import type { LiveList } from "@partyline/client/liveList";
import { type ReactElement, useEffect, useState } from "react";
import { usePartyline } from "../state/usePartyline.ts";
import { describeChanges } from "../words/feed.ts";

/** Changes are read aloud at most this often, in ms: a busy list would never be silent. */
const EVERY_MS = 5000;

/** Reads changes of the list aloud, many in one sentence. The only live region of the list. */
export function Announcer(): ReactElement {
  const { feed } = usePartyline();
  const [text, setText] = useState("");
  useEffect(() => {
    let said = feed.list.get();
    const timer = setInterval(() => {
      const now = feed.list.get();
      if (now === said) return;
      const sentence = changes(said, now);
      said = now;
      if (sentence !== "") setText(sentence);
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [feed]);
  return (
    <div className="hidden-text" role="log" aria-live="polite" aria-atomic="true">
      {text}
    </div>
  );
}

/** What happened between two lists, in one sentence. */
export function changes(before: LiveList, after: LiveList): string {
  const wasFresh = before.feed.kind === "current";
  const isFresh = after.feed.kind === "current";
  if (wasFresh && after.feed.kind === "paused") return "Live list paused";
  const back = before.feed.kind === "paused" && isFresh ? "Live list up to date again" : "";
  if (before.seq === null || !isFresh) return back;
  const going = (list: LiveList) =>
    new Set(list.rows.filter((row) => row.leavesAt === null).map((row) => row.call.id));
  const old = going(before);
  const now = going(after);
  const came = [...now].filter((id) => !old.has(id)).length;
  const ended = [...old].filter((id) => !now.has(id)).length;
  return [back, describeChanges(came, ended)].filter((part) => part !== "").join(". ");
}
