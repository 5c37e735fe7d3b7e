import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import { SelectField } from "../parts/Field.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { Table } from "../parts/Table.tsx";
import { When } from "../parts/When.tsx";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { viewOf } from "../state/view.ts";
import { ACTIONS, actionWords, particulars } from "../words/audit.ts";

const OPTIONS = [
  { value: "", word: "Everything" },
  ...Object.entries(ACTIONS).map(([value, word]) => ({ value, word })),
];

/** Who did what, newest first. */
export default function AuditPage(): ReactElement {
  const { api } = usePartyline();
  const [action, setAction] = useState("");
  const query = useInfiniteQuery({
    queryKey: ["audit", action],
    queryFn: ({ pageParam, signal }) =>
      api.audit(
        { ...(action === "" ? {} : { action }), ...(pageParam === null ? {} : { cursor: pageParam }) },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
    // What was done a moment ago is looked for here.
    staleTime: 0,
  });
  return (
    <SettingsPage title="Audit log" about="Who did what, and from where. Nobody can change it.">
      <div className="audit-filter">
        <SelectField
          label="Show"
          value={action}
          options={OPTIONS}
          onChange={({ target }) => setAction(target.value)}
        />
      </div>
      <Loaded view={viewOf(query)} what="the audit log" size="page">
        {({ pages }) => (
          <>
            <Table
              caption="Audit log"
              rows={pages.flatMap((page) => page.entries)}
              keyOf={({ seq }) => String(seq)}
              columns={[
                { name: "When", cell: ({ at }) => <When at={at} /> },
                {
                  name: "Who",
                  cell: ({ user, key }) => (
                    <>
                      {user?.name ?? <span className="quiet">The server</span>}
                      {key === null || key === undefined ? null : (
                        <span className="quiet"> by key {key}</span>
                      )}
                    </>
                  ),
                },
                { name: "What", cell: ({ action: done }) => actionWords(done) },
                {
                  name: "On",
                  cell: ({ call_id: call, target, data }) => (
                    <>
                      {call === null || call === undefined ? (
                        (target ?? "")
                      ) : (
                        <Link to={paths.record} params={{ callId: call }}>
                          A call
                        </Link>
                      )}
                      <span className="quiet"> {particulars(data)}</span>
                    </>
                  ),
                },
                { name: "From", cell: ({ address }) => address ?? "" },
              ]}
            />
            {query.hasNextPage ? (
              <p className="list-more">
                <button
                  type="button"
                  className="button"
                  aria-disabled={query.isFetching}
                  onClick={() => void query.fetchNextPage()}
                >
                  {query.isFetching ? "Loading…" : "Older entries"}
                </button>
              </p>
            ) : null}
          </>
        )}
      </Loaded>
    </SettingsPage>
  );
}
