import type { ApiKey } from "@partyline/client/contract";
import { type ReactElement, useState } from "react";
import { TextField } from "../parts/Field.tsx";
import { FormDialog } from "../parts/FormDialog.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { Notice } from "../parts/Notice.tsx";
import { SecretDialog } from "../parts/SecretDialog.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { Table } from "../parts/Table.tsx";
import { When } from "../parts/When.tsx";
import { usePartyline } from "../state/usePartyline.ts";
import { useSetting } from "../state/useSetting.ts";
import { SCOPES, keysOf } from "../words/settings.ts";

type Open = { kind: "add" } | { kind: "made"; name: string; key: string } | null;

/** Keys that programs use in place of a sign-in. */
export default function KeysPage(): ReactElement {
  const { api } = usePartyline();
  const { view, after } = useSetting("keys", (signal) => api.keys(signal));
  const [open, setOpen] = useState<Open>(null);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  return (
    <SettingsPage
      title="API keys"
      about="What programs send in place of a sign-in. A key may never do more than the admin who made it."
      add={{ word: "Make a key", onAdd: () => setOpen({ kind: "add" }) }}
    >
      <Loaded view={view} what="the keys" size="page">
        {(keys) =>
          keys.length === 0 ? (
            <Notice icon="key" title="No keys yet">
              <p>A program that reads calls or listens to them needs one.</p>
            </Notice>
          ) : (
            <Table
              caption="API keys"
              rows={keys}
              keyOf={({ id }) => id}
              columns={[
                {
                  name: "Name",
                  cell: ({ name, id }) => (
                    <>
                      <strong>{name}</strong>
                      <br />
                      <code>{id}…</code>
                    </>
                  ),
                },
                {
                  name: "May",
                  cell: ({ scopes }) => (
                    <span className="tags">
                      {scopes.map((scope) => (
                        <span key={scope} className="tag" title={SCOPES[scope]}>
                          {scope}
                        </span>
                      ))}
                    </span>
                  ),
                },
                { name: "Acts for", cell: ({ user }) => user.name },
                { name: "Last used", cell: (key) => <Maybe at={key.last_used_at} none="Never" /> },
                { name: "Good until", cell: (key) => <Maybe at={key.expires_at} none="No end" /> },
              ]}
              actions={(key) => (
                <button type="button" className="link-button" onClick={() => setRevoking(key)}>
                  Revoke<span className="hidden-text"> {key.name}</span>
                </button>
              )}
            />
          )
        }
      </Loaded>
      {open?.kind === "add" ? (
        <KeyDialog
          // The key takes the place of the form; Cancel closes it.
          onClose={() => setOpen((now) => (now?.kind === "add" ? null : now))}
          onMake={async (name, scopes, days) => {
            const until = new Date(Date.now() + days * 86_400_000).toISOString();
            const chosen = keysOf(SCOPES).filter((scope) => scopes.includes(scope));
            const body = { name, scopes: chosen, ...(days > 0 ? { expires_at: until } : {}) };
            const { key } = await after(api.makeKey(body));
            setOpen({ kind: "made", name, key });
          }}
        />
      ) : null}
      {open?.kind === "made" ? (
        <SecretDialog
          title={`The key “${open.name}”`}
          about="Copy it now: it is never shown again. A program sends it as “Authorization: Bearer”."
          secret={open.key}
          onClose={() => setOpen(null)}
        />
      ) : null}
      {revoking === null ? null : (
        <FormDialog
          title={`Revoke “${revoking.name}”?`}
          action="Revoke"
          isDangerous
          onClose={() => setRevoking(null)}
          onSubmit={() => after(api.revokeKey(revoking.id))}
        >
          <p>Programs that send it are refused from their next request on. It cannot be taken back.</p>
        </FormDialog>
      )}
    </SettingsPage>
  );
}

function KeyDialog(props: {
  onClose: () => void;
  onMake: (name: string, scopes: readonly string[], days: number) => Promise<void>;
}): ReactElement {
  const [chosen, setChosen] = useState<readonly string[]>(["calls:read"]);
  return (
    <FormDialog
      title="Make a key"
      action="Make the key"
      onClose={props.onClose}
      onSubmit={(fields) => props.onMake(fields.text("name"), chosen, Number(fields.text("days")))}
    >
      <TextField
        label="Name"
        name="name"
        required
        maxLength={100}
        autoComplete="off"
        hint="What it is for."
      />
      <fieldset className="choices">
        <legend>It may</legend>
        {keysOf(SCOPES).map((scope, index) => (
          <label key={scope} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(scope)}
              // One at least: the browser asks for the first when none is chosen.
              required={index === 0 && chosen.length === 0}
              onChange={({ target }) =>
                setChosen((now) =>
                  target.checked ? [...now, scope] : now.filter((other) => other !== scope),
                )
              }
            />
            <span>
              {SCOPES[scope]} <code>{scope}</code>
            </span>
          </label>
        ))}
      </fieldset>
      <TextField
        label="Days until it ends"
        name="days"
        type="number"
        min={1}
        max={3650}
        hint="Left empty: until it is revoked."
      />
    </FormDialog>
  );
}

function Maybe({ at, none }: { at: string | null | undefined; none: string }): ReactElement {
  return at === null || at === undefined ? <span className="quiet">{none}</span> : <When at={at} />;
}
