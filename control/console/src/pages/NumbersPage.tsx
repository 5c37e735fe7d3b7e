import type { PhoneNumber } from "@partyline/client/contract";
import { Link } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";
import { SelectField, TextField } from "../parts/Field.tsx";
import { type Fields, FormDialog } from "../parts/FormDialog.tsx";
import { Loaded } from "../parts/Loaded.tsx";
import { Notice } from "../parts/Notice.tsx";
import { SettingsPage } from "../parts/SettingsPage.tsx";
import { Table } from "../parts/Table.tsx";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useSetting } from "../state/useSetting.ts";
import { phone } from "../words/call.ts";
import { ROUTES, keysOf, routeOf } from "../words/settings.ts";

type Open = { kind: "add" } | { kind: "change" | "remove"; number: PhoneNumber } | null;

/** The organization's phone numbers, and what their calls do. */
export default function NumbersPage(): ReactElement {
  const { api } = usePartyline();
  const { view, after } = useSetting("numbers", (signal) => api.numbers(signal));
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  return (
    <SettingsPage
      title="Numbers"
      about="Phone numbers of your Twilio account, and what happens when they are called."
      add={{ word: "Add number", onAdd: () => setOpen({ kind: "add" }) }}
    >
      <p className="settings-words">
        In Twilio's console, let the voice webhook of each number point to{" "}
        <code>{location.origin}/api/twilio/voice</code>.
      </p>
      <Loaded view={view} what="the numbers" size="page">
        {(numbers) =>
          numbers.length === 0 ? (
            <Notice icon="phone" title="No numbers yet">
              <p>Calls are taken as soon as the number they come to is known here.</p>
            </Notice>
          ) : (
            <Table
              caption="Numbers"
              rows={numbers}
              keyOf={({ number }) => number}
              columns={[
                { name: "Number", cell: ({ number }) => <strong>{phone(number)}</strong> },
                {
                  name: "Label",
                  cell: ({ label }) => (label === "" ? <span className="quiet">None</span> : label),
                },
                { name: "Route", cell: ({ route }) => ROUTES[route].word },
                { name: "Answered by", cell: (number) => answererOf(number) },
                {
                  name: "Rings",
                  cell: ({ settings: { dial } }) =>
                    dial === null || dial === undefined ? (
                      <span className="quiet">Nobody</span>
                    ) : (
                      phone(dial)
                    ),
                },
              ]}
              actions={(number) => (
                <>
                  <Link to={paths.number} params={{ number: number.number }} className="link-button">
                    Answering<span className="hidden-text"> of {number.number}</span>
                  </Link>
                  <button
                    type="button"
                    className="link-button"
                    onClick={() => setOpen({ kind: "change", number })}
                  >
                    Change<span className="hidden-text"> {number.number}</span>
                  </button>
                  <button
                    type="button"
                    className="link-button"
                    onClick={() => setOpen({ kind: "remove", number })}
                  >
                    Remove<span className="hidden-text"> {number.number}</span>
                  </button>
                </>
              )}
            />
          )
        }
      </Loaded>
      {open?.kind === "add" ? (
        <NumberDialog
          title="Add a number"
          onClose={close}
          onSubmit={(fields) =>
            after(api.addNumber({ number: e164(fields.text("number")), ...arranged(fields) }))
          }
        />
      ) : null}
      {open?.kind === "change" ? (
        <NumberDialog
          title={phone(open.number.number)}
          number={open.number}
          onClose={close}
          onSubmit={(fields) => after(api.changeNumber(open.number.number, arranged(fields, open.number)))}
        />
      ) : null}
      {open?.kind === "remove" ? (
        <FormDialog
          title={`Remove ${phone(open.number.number)}?`}
          action="Remove"
          isDangerous
          onClose={close}
          onSubmit={() => after(api.removeNumber(open.number.number))}
        >
          <p>New calls to it are rejected. Records of its calls stay.</p>
        </FormDialog>
      ) : null}
    </SettingsPage>
  );
}

/** Who answers a number's calls, in a word. */
function answererOf({ route, has_bot }: PhoneNumber): string {
  if (route !== "agent") return "Whom it rings";
  return has_bot ? "A bot" : "A person here";
}

/** What the form says of a number. */
function arranged(fields: Fields, number?: PhoneNumber) {
  const dial = fields.text("dial");
  const route = routeOf(fields.text("route"));
  // All of the particulars are sent anew: what this form does not ask for stays as it is.
  const settings = { ...number?.settings, dial: dial === "" ? null : e164(dial) };
  return { label: fields.text("label"), route, settings };
}

/** A number as people write it, without what is there for the eye. */
function e164(text: string): string {
  return text.replace(/[\s().-]/g, "");
}

function NumberDialog(props: {
  title: string;
  number?: PhoneNumber;
  onClose: () => void;
  onSubmit: (fields: Fields) => Promise<unknown>;
}): ReactElement {
  const { title, number, onClose, onSubmit } = props;
  const plus = { type: "tel", maxLength: 30, autoComplete: "off", pattern: "\\+[0-9\\s().\\-]{5,}" };
  return (
    <FormDialog
      title={title}
      action={number === undefined ? "Add" : "Save"}
      onClose={onClose}
      onSubmit={onSubmit}
    >
      {number === undefined ? (
        <TextField
          {...plus}
          label="Number"
          name="number"
          required
          placeholder="+1 555 010 0100"
          hint="With + and country code."
        />
      ) : null}
      <TextField
        label="Label"
        name="label"
        maxLength={100}
        autoComplete="off"
        defaultValue={number?.label}
        hint="What people call it."
      />
      <SelectField
        label="Route"
        name="route"
        defaultValue={number?.route ?? "monitor"}
        options={keysOf(ROUTES).map((value) => ({ value, word: ROUTES[value].long }))}
      />
      <TextField
        {...plus}
        label="Rings"
        name="dial"
        placeholder="+1 555 010 0200"
        defaultValue={number?.settings.dial ?? ""}
        hint="Whom a call rings, with + and country code. Left empty: nobody."
      />
    </FormDialog>
  );
}
