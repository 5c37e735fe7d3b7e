import type { User } from "@partyline/client/contract";
import { type ReactElement, useState } from "react";
import { type Fields, FormDialog } from "../parts/FormDialog.tsx";
import { SelectField, TextField } from "../parts/Field.tsx";
import { Invitations } from "../parts/Invitations.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { Table } from "../parts/Table.tsx";
import { usePartyline } from "../state/usePartyline.ts";
import { useSetting } from "../state/useSetting.ts";
import { useUser } from "../state/useUser.ts";
import { ROLES, keysOf, roleOf } from "../words/settings.ts";

const ROLE_OPTIONS = keysOf(ROLES).map((value) => ({ value, word: ROLES[value] }));

type Open = { kind: "add" } | { kind: "change" | "disable"; user: User } | null;

/** Who may sign in. */
export default function PeoplePage(): ReactElement {
  const { api } = usePartyline();
  const me = useUser();
  const { view, after } = useSetting("people", (signal) => api.people(signal));
  const [open, setOpen] = useState<Open>(null);
  /** Who was disabled just now: they are in no list any more. */
  const [gone, setGone] = useState<User | null>(null);
  const close = () => setOpen(null);
  return (
    <SettingsPage
      title="People"
      about="Who may sign in, and what they may do."
      add={{ word: "Add person", onAdd: () => setOpen({ kind: "add" }) }}
    >
      {gone === null ? null : (
        <div className="banner" role="status">
          <span className="banner-text">{gone.name} can no longer sign in.</span>
          <button
            type="button"
            className="link-button"
            onClick={() =>
              void after(api.changePerson(gone.id, { disabled: false })).then(
                () => setGone(null),
                () => undefined,
              )
            }
          >
            Undo
          </button>
        </div>
      )}
      <Loaded view={view} what="the people" size="page">
        {(people) => (
          <Table
            caption="People"
            rows={people}
            keyOf={({ id }) => id}
            columns={[
              {
                name: "Name",
                cell: ({ id, name }) => (
                  <strong>
                    {name}
                    {id === me?.id ? <span className="quiet"> (you)</span> : null}
                  </strong>
                ),
              },
              { name: "E-mail", cell: ({ email }) => email },
              { name: "Role", cell: ({ role }) => <span className="role">{role}</span> },
            ]}
            actions={(user) => (
              <>
                <button
                  type="button"
                  className="link-button"
                  onClick={() => setOpen({ kind: "change", user })}
                >
                  Change<span className="hidden-text"> {user.name}</span>
                </button>
                {user.id === me?.id ? null : (
                  <button
                    type="button"
                    className="link-button"
                    onClick={() => setOpen({ kind: "disable", user })}
                  >
                    Disable<span className="hidden-text"> {user.name}</span>
                  </button>
                )}
              </>
            )}
          />
        )}
      </Loaded>
      <Invitations roles={ROLE_OPTIONS} />
      {open?.kind === "add" ? (
        <PersonDialog
          title="Add a person"
          onClose={close}
          onSubmit={(fields) =>
            after(
              api.addPerson({
                name: fields.text("name"),
                email: fields.text("email"),
                password: fields.text("password", "as typed"),
                role: roleOf(fields.text("role")),
              }),
            )
          }
        />
      ) : null}
      {open?.kind === "change" ? (
        <PersonDialog
          title={`Change ${open.user.name}`}
          user={open.user}
          isMe={open.user.id === me?.id}
          onClose={close}
          onSubmit={(fields) => after(api.changePerson(open.user.id, changeOf(open.user, fields)))}
        />
      ) : null}
      {open?.kind === "disable" ? (
        <FormDialog
          title={`Disable ${open.user.name}?`}
          action="Disable"
          isDangerous
          onClose={close}
          onSubmit={() =>
            after(api.changePerson(open.user.id, { disabled: true })).then(() => setGone(open.user))
          }
        >
          <p>They can sign in no more. What they have open ends at once, calls they hear as well.</p>
        </FormDialog>
      ) : null}
    </SettingsPage>
  );
}

/** Only what differs: an unchanged role would end their sign-ins all the same. */
function changeOf(user: User, fields: Fields) {
  const name = fields.text("name");
  const role = roleOf(fields.text("role") || user.role);
  return { ...(name === user.name ? {} : { name }), ...(role === user.role ? {} : { role }) };
}

function PersonDialog(props: {
  title: string;
  user?: User;
  isMe?: boolean;
  onClose: () => void;
  onSubmit: (fields: Fields) => Promise<unknown>;
}): ReactElement {
  const { title, user, isMe = false, onClose, onSubmit } = props;
  return (
    <FormDialog
      title={title}
      action={user === undefined ? "Add" : "Save"}
      onClose={onClose}
      onSubmit={onSubmit}
    >
      <TextField
        label="Name"
        name="name"
        required
        maxLength={100}
        autoComplete="off"
        defaultValue={user?.name}
      />
      {user === undefined ? (
        <>
          <TextField label="E-mail" name="email" type="email" required maxLength={254} autoComplete="off" />
          <TextField
            label="Password"
            name="password"
            type="password"
            required
            minLength={8}
            maxLength={1024}
            autoComplete="new-password"
            hint="At least 8 characters. Tell it them yourself, or invite them instead."
          />
        </>
      ) : null}
      <SelectField
        label="Role"
        name="role"
        defaultValue={user?.role ?? "supervisor"}
        options={ROLE_OPTIONS}
        disabled={isMe}
        hint={roleHint(user, isMe)}
      />
    </FormDialog>
  );
}

function roleHint(user: User | undefined, isMe: boolean): string | undefined {
  if (isMe) return "Your own role is changed by another admin.";
  return user === undefined ? undefined : "Another role ends what they have open: they sign in again.";
}
