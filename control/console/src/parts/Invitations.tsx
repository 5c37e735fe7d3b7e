import type { Invitation } from "@partyline/client/contract";
import { type ReactElement, useState } from "react";
import { usePartyline } from "../state/usePartyline.ts";
import { useSetting } from "../state/useSetting.ts";
import { roleOf } from "../words/settings.ts";
import { SelectField, TextField } from "./Field.tsx";
import { FormDialog } from "./FormDialog.tsx";
import { Icon } from "./Icon.tsx";
import { Loaded } from "./Loaded.tsx";
import { SecretDialog } from "./SecretDialog.tsx";
import { Table } from "./Table.tsx";
import { When } from "./When.tsx";

type Open = { kind: "add" } | { kind: "made"; email: string; link: string } | null;

/** Whom admins invited, and who has not come yet. */
export function Invitations(props: { roles: readonly { value: string; word: string }[] }): ReactElement {
  const { api } = usePartyline();
  const { view, after } = useSetting("invitations", (signal) => api.invitations(signal));
  const [open, setOpen] = useState<Open>(null);
  const [revoking, setRevoking] = useState<Invitation | null>(null);
  return (
    <section className="settings-part" aria-labelledby="invitations-title">
      <header className="settings-head">
        <h2 id="invitations-title">Invitations</h2>
        <button type="button" className="button" onClick={() => setOpen({ kind: "add" })}>
          <Icon name="plus" />
          Invite
        </button>
      </header>
      <Loaded view={view} what="the invitations">
        {(invitations) =>
          invitations.length === 0 ? (
            <p className="quiet">
              Nobody is invited. Who accepts an invitation chooses their own password.
            </p>
          ) : (
            <Table
              caption="Invitations"
              rows={invitations}
              keyOf={({ id }) => id}
              columns={[
                { name: "E-mail", cell: ({ email }) => email },
                { name: "Role", cell: ({ role }) => <span className="role">{role}</span> },
                { name: "Good until", cell: (one) => <When at={one.expires_at} /> },
              ]}
              actions={(one) => (
                <button type="button" className="link-button" onClick={() => setRevoking(one)}>
                  Revoke<span className="hidden-text"> the invitation of {one.email}</span>
                </button>
              )}
            />
          )
        }
      </Loaded>
      {open?.kind === "add" ? (
        <FormDialog
          title="Invite a person"
          action="Make the link"
          // The link takes the place of the form; Cancel closes it.
          onClose={() => setOpen((now) => (now?.kind === "add" ? null : now))}
          onSubmit={async (fields) => {
            const email = fields.text("email");
            const { link } = await after(api.invite({ email, role: roleOf(fields.text("role")) }));
            setOpen({ kind: "made", email, link });
          }}
        >
          <TextField label="E-mail" name="email" type="email" required maxLength={254} autoComplete="off" />
          <SelectField label="Role" name="role" defaultValue="supervisor" options={props.roles} />
        </FormDialog>
      ) : null}
      {open?.kind === "made" ? (
        <SecretDialog
          title={`The link for ${open.email}`}
          about="Send it to them yourself: no mail is sent. It is good once, and never shown again."
          secret={open.link}
          onClose={() => setOpen(null)}
        />
      ) : null}
      {revoking === null ? null : (
        <FormDialog
          title={`Revoke the invitation of ${revoking.email}?`}
          action="Revoke"
          isDangerous
          onClose={() => setRevoking(null)}
          onSubmit={() => after(api.revokeInvitation(revoking.id))}
        >
          <p>The link does nothing any more.</p>
        </FormDialog>
      )}
    </section>
  );
}
