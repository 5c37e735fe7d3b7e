import type { ReactElement } from "react";
import { type RecordFilters, queryOf } from "../state/recordFilters.ts";
import { useAct } from "../state/useAct.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { describeProblem } from "../words/problem.ts";
import { Icon } from "./Icon.tsx";
import { download } from "./download.ts";

const FORMATS = [
  { format: "csv", word: "CSV", title: "Save these calls for a table program" },
  { format: "pdf", word: "PDF", title: "Save the newest 500 of these calls to read or print" },
] as const;

/** The day, as files are sorted by it. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** Saves the calls of this list as a file. */
export function ExportButton({ filters }: { filters: RecordFilters }): ReactElement {
  const { api } = usePartyline();
  const { busy, problem, act } = useAct();
  const save = async (format: "csv" | "pdf") => {
    const { blob, isWhole } = await api.exportCalls(queryOf(filters), format);
    download(blob, `calls-${today()}${isWhole ? "" : "-newest"}.${format}`);
  };
  return (
    <>
      <span className="refresh" role="group" aria-label="Export">
        <Icon name="download" />
        {FORMATS.map(({ format, word, title }) => (
          <button
            key={format}
            type="button"
            className="link-button refresh"
            title={title}
            aria-disabled={busy}
            onClick={() => void act(() => save(format))}
          >
            <span className="hidden-text">Export as </span>
            {word}
          </button>
        ))}
        {busy ? <span role="status">Making the file…</span> : null}
      </span>
      {problem === null ? null : (
        <span className="form-problem" role="alert">
          Not exported. {describeProblem(problem)}
        </span>
      )}
    </>
  );
}
