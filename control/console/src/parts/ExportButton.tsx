import type { ReactElement } from "react";
import { type RecordFilters, queryOf } from "../state/recordFilters.ts";
import { useAct } from "../state/useAct.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { describeProblem } from "../words/problem.ts";
import { Icon } from "./Icon.tsx";

/** Saves the calls of this list as a file for a table program. */
export function ExportButton({ filters }: { filters: RecordFilters }): ReactElement {
  const { api } = usePartyline();
  const { busy, problem, act } = useAct();
  const save = async () => {
    const { blob, isWhole } = await api.exportCalls(queryOf(filters));
    const day = new Date().toISOString().slice(0, 10);
    download(blob, `calls-${day}${isWhole ? "" : "-newest"}.csv`);
  };
  return (
    <>
      <button
        type="button"
        className="link-button refresh"
        title="Save these calls as CSV"
        aria-disabled={busy}
        onClick={() => void act(save)}
      >
        <Icon name="download" />
        <span>{busy ? "Making the file…" : "Export"}</span>
      </button>
      {problem === null ? null : (
        <span className="form-problem" role="alert">
          Not exported. {describeProblem(problem)}
        </span>
      )}
    </>
  );
}

/** Lets the browser save it, as a link would. */
function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser takes it while the click is handled; some take a moment longer.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
