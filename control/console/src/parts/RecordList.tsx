import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactElement, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { paths } from "../paths.ts";
import {
  type FilterChanges,
  LONGEST_SEARCH,
  changeFilters,
  isFiltered,
  readFilters,
} from "../state/recordFilters.ts";
import { useWithChanges } from "../state/useCallChange.ts";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { type Records, useRecords } from "../state/useRecords.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { newCalls } from "../words/call.ts";
import { timeOfDay } from "../words/time.ts";
import { ExportButton } from "./ExportButton.tsx";
import { Icon } from "./Icon.tsx";
import { Loaded } from "./Loaded.tsx";
import { moveFocus } from "./moveFocus.ts";
import { Notice } from "./Notice.tsx";
import { RecordFilterBar } from "./RecordFilterBar.tsx";
import { RecordRow } from "./RecordRow.tsx";
import { SearchBox } from "./SearchBox.tsx";
import { StatCards } from "./StatCards.tsx";

/** What is typed is searched for this long, in ms, after the last key. */
const TYPING_MS = 300;

/** Records of all calls, newest first. */
export function RecordList({ openId }: { openId: string | undefined }): ReactElement {
  const filters = useSearch({ from: paths.records });
  const navigate = useNavigate();
  const records = useRecords(filters);
  const search = useRef<HTMLInputElement>(null);
  const change = useCallback(
    (changes: FilterChanges) => {
      void navigate({
        to: ".",
        search: (now) => changeFilters(readFilters(now), changes),
        replace: true,
      });
    },
    [navigate],
  );
  const [typed, setTyped] = useTyped(filters.q ?? "", change);
  const { refresh } = records;
  const shortcuts = useMemo(
    () => ({
      "/": () => search.current?.focus(),
      j: () => moveFocus(1),
      k: () => moveFocus(-1),
      r: refresh,
    }),
    [refresh],
  );
  useShortcuts(shortcuts);
  return (
    <section className="list records" aria-labelledby="list-title">
      <div className="list-head">
        <div className="list-top">
          <h1 id="list-title">Records</h1>
          <span className="list-actions">
            <ExportButton filters={filters} />
            <RefreshButton records={records} />
          </span>
        </div>
        <StatCards />
        <SearchBox
          input={search}
          label="Search records"
          placeholder="Number, name, note, tag"
          value={typed}
          longest={LONGEST_SEARCH}
          onChange={setTyped}
        />
        <RecordFilterBar filters={filters} onChange={change} />
      </div>
      <OfflineBanner askedAt={records.askedAt} />
      <div className="rows record-rows" aria-busy={records.busy}>
        <Loaded view={records.view} what="the records" size="page">
          {(calls) =>
            calls.length === 0 && records.more === null ? (
              <NoRecords
                filtered={isFiltered(filters)}
                onClear={() => void navigate({ to: ".", search: {} })}
              />
            ) : (
              <Rows records={records} openId={openId} />
            )
          }
        </Loaded>
      </div>
    </section>
  );
}

function Rows({ records, openId }: { records: Records; openId: string | undefined }): ReactElement {
  const withChanges = useWithChanges();
  const calls = records.view.kind === "known" ? records.view.data : [];
  return (
    <>
      <ul aria-label="Records">
        {calls.map((call) => (
          <RecordRow
            key={call.id}
            call={withChanges(call)}
            open={call.id === openId || call.call_sid === openId}
          />
        ))}
      </ul>
      {records.more === null ? (
        <p className="list-more">{calls.length === 1 ? "1 call" : `${calls.length} calls`}, no more.</p>
      ) : (
        <p className="list-more">
          <button type="button" className="button" aria-disabled={records.busy} onClick={records.more}>
            {records.busy ? "Loading…" : "Older calls"}
          </button>
        </p>
      )}
    </>
  );
}

function RefreshButton({ records }: { records: Records }): ReactElement {
  return (
    <button
      type="button"
      className="link-button refresh"
      title="Ask again (R)"
      aria-keyshortcuts="R"
      data-fresh={records.fresh > 0}
      onClick={records.refresh}
    >
      <Icon name="refresh" />
      <span role="status">{records.fresh > 0 ? newCalls(records.fresh) : "Refresh"}</span>
    </button>
  );
}

/** Without a connection the list is as it was. */
function OfflineBanner({ askedAt }: { askedAt: number }): ReactElement | null {
  const { feed } = useLive(usePartyline().feed.list);
  if (feed.kind !== "paused" || askedAt === 0) return null;
  return (
    <div className="banner">
      <Icon name="pause" />
      <span className="banner-text digits">
        No connection: records as of {timeOfDay(new Date(feed.since).toISOString())}
      </span>
    </div>
  );
}

function NoRecords({ filtered, onClear }: { filtered: boolean; onClear: () => void }): ReactElement {
  if (!filtered) {
    return (
      <Notice icon="records" title="No calls yet">
        <p>Each call to your numbers leaves a record here, from its first ring on.</p>
      </Notice>
    );
  }
  return (
    <Notice icon="search" title="No call matches">
      <p>There is no record with all of these filters.</p>
      <button type="button" className="button" onClick={onClear}>
        Clear filters
      </button>
    </Notice>
  );
}

/** What is typed, and put into the address when the typing pauses. */
function useTyped(
  asked: string,
  change: (changes: { q: string | undefined }) => void,
): [string, (text: string) => void] {
  const [typed, setTyped] = useState(asked);
  const [known, setKnown] = useState(asked);
  // The address changed by itself: by a link, or by going back.
  if (known !== asked) {
    setKnown(asked);
    if (typed.trim() !== asked) setTyped(asked);
  }
  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === asked) return undefined;
    const timer = setTimeout(() => change({ q: wanted === "" ? undefined : wanted }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, asked, change]);
  return [typed, setTyped];
}
