import type { Call } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { useAct } from "../state/useAct.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { describeProblem } from "../words/problem.ts";
import { Icon } from "./Icon.tsx";
import { download } from "./download.ts";

/** Saves a call's record, with what was said, to read or print. */
export function SaveCall({ call }: { call: Call }): ReactElement {
  const { api } = usePartyline();
  const { busy, problem, act } = useAct();
  const save = async () => download(await api.exportCall(call.id), `${call.id}.pdf`);
  return (
    <>
      <button type="button" className="button" aria-disabled={busy} onClick={() => void act(save)}>
        <Icon name="download" />
        {busy ? "Making the file…" : "Download as PDF"}
      </button>
      {problem === null ? null : (
        <p className="form-problem" role="alert">
          Not saved. {describeProblem(problem)}
        </p>
      )}
    </>
  );
}
