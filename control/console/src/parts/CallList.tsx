import type { LiveList } from "@partyline/client/liveList";
import { useNavigate, useParams } from "@tanstack/react-router";
import { type ReactElement, useMemo, useRef, useState } from "react";
import { paths } from "../paths.ts";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { useSpeakerState } from "../state/useSpeaker.ts";
import { useRights } from "../state/useUser.ts";
import { matches } from "../words/call.ts";
import { CallRow } from "./CallRow.tsx";
import { Counts } from "./Counts.tsx";
import { EmptyList, FeedBanner, ForbiddenList, LoadingList, UnreachableList } from "./ListStates.tsx";
import { moveFocus } from "./moveFocus.ts";
import { SearchBox } from "./SearchBox.tsx";

/** Rows drawn at once. More could not be read, and a search finds the others. */
const MOST_SHOWN = 500;

/** The calls that go on now. */
export function CallList(): ReactElement {
  const { feed, desk } = usePartyline();
  const list = useLive(feed.list);
  const monitor = useLive(desk.current);
  const { mode } = useSpeakerState(monitor);
  const [query, setQuery] = useState("");
  const search = useRef<HTMLInputElement>(null);
  const { listenToAll } = useRights();
  const { callId: open } = useParams({ strict: false });
  const navigate = useNavigate();
  const shown = useMemo(() => list.rows.filter(({ call }) => matches(call, query)), [list.rows, query]);

  const shortcuts = useMemo(
    () => ({
      "/": () => search.current?.focus(),
      j: () => moveFocus(1),
      k: () => moveFocus(-1),
    }),
    [],
  );
  useShortcuts(shortcuts);

  return (
    <section className="list" aria-labelledby="list-title" data-feed={list.feed.kind}>
      <div className="list-head">
        <h1 id="list-title">Live calls</h1>
        <Counts list={list} />
        <SearchBox
          input={search}
          label="Search live calls"
          placeholder="Name, number, tag"
          value={query}
          longest={100}
          onChange={setQuery}
        />
      </div>
      <FeedBanner feed={list.feed} onRetry={feed.retryNow} />
      <ListBody list={list} query={query} shown={shown.length} onRetry={feed.retryNow} />
      <ul className="rows" aria-label="Live calls" hidden={shown.length === 0}>
        {shown.slice(0, MOST_SHOWN).map((row) => (
          <CallRow
            key={row.call.id}
            row={row}
            clockOffsetMs={list.clockOffsetMs}
            open={row.call.id === open || row.call.call_sid === open}
            heard={row.call.id === monitor?.callId ? mode : null}
            onEnterOpen={(callId) => {
              if (listenToAll) desk.listen(callId);
              void navigate({ to: paths.call, params: { callId } });
            }}
          />
        ))}
      </ul>
      {shown.length > MOST_SHOWN ? (
        <p className="list-more">{shown.length - MOST_SHOWN} more calls. Search to find one of them.</p>
      ) : null}
    </section>
  );
}

/** What stands in place of rows. */
function ListBody(props: {
  list: LiveList;
  query: string;
  shown: number;
  onRetry: () => void;
}): ReactElement | null {
  const { list, query, shown, onRetry } = props;
  switch (list.feed.kind) {
    case "loading":
      return <LoadingList />;
    case "unreachable":
      return <UnreachableList retryAt={list.feed.retryAt} onRetry={onRetry} />;
    case "forbidden":
      return <ForbiddenList detail={list.feed.detail} onRetry={onRetry} />;
    case "current":
    case "paused":
      if (list.rows.length === 0) return <EmptyList />;
      if (shown > 0) return null;
      return (
        <p className="list-none" role="status">
          No live call matches “{query.trim()}”.
        </p>
      );
  }
}
