import type { Call } from "@partyline/client/contract";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import { usePartyline } from "../state/usePartyline.ts";
import { removeFromLists } from "../state/useRecords.ts";
import { useRoom } from "../state/useRoom.ts";
import { callerOf } from "../words/call.ts";
import { FormDialog } from "./FormDialog.tsx";
import { Icon } from "./Icon.tsx";

/** Deletes the record of a call that is over, after a question. */
export function DeleteCall({ call }: { call: Call }): ReactElement {
  const { api, desk } = usePartyline();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const room = useRoom();
  const [isOpen, setOpen] = useState(false);
  const remove = async () => {
    await api.deleteCall(call.id);
    if (desk.current.get()?.callId === call.id) desk.clear();
    await navigate({ to: room.list, search: true });
    queries.removeQueries({ queryKey: ["call", call.id] });
    queries.removeQueries({ queryKey: ["draft", call.id] });
    removeFromLists(queries, call.id);
    void queries.invalidateQueries({ queryKey: ["stats"] });
  };
  return (
    <div className="delete-call">
      <button type="button" className="button" onClick={() => setOpen(true)}>
        <Icon name="trash" />
        Delete this record
      </button>
      {isOpen ? (
        <FormDialog
          title={`Delete the record of ${callerOf(call)}?`}
          action="Delete for good"
          isDangerous
          onClose={() => setOpen(false)}
          onSubmit={remove}
        >
          <p>
            Its record, what was said and who listened are deleted, and nothing brings them back. That there
            was a call, and who deleted it, stays in the audit log.
          </p>
        </FormDialog>
      ) : null}
    </div>
  );
}
