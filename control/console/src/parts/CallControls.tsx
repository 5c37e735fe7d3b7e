import type { Call } from "@partyline/client/contract";
import { type ReactElement, useEffect, useState } from "react";
import { useAct } from "../state/useAct.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { callerOf } from "../words/call.ts";
import { describeSpeakProblem } from "../words/problem.ts";
import { isMoved } from "../words/speaking.ts";
import { SelectField, TextField } from "./Field.tsx";
import { FormDialog } from "./FormDialog.tsx";
import { Icon } from "./Icon.tsx";

const TRANSFERS = [
  { value: "warm", word: "Together first: you stay until you leave" },
  { value: "cold", word: "At once: the caller leaves you" },
];

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

/** What is done with a call as a whole, by who holds it: hold, keys, transfer, hang up. */
export function CallControls({ call }: { call: Call }): ReactElement {
  const { api, desk } = usePartyline();
  const { busy, problem, act } = useAct();
  const [open, setOpen] = useState<"keys" | "transfer" | "leave" | "end" | null>(null);
  const close = () => setOpen(null);
  const isShared = isMoved(call);
  return (
    <div className="controls">
      <div className="controls-line">
        {isShared ? (
          <button type="button" className="button" onClick={() => setOpen("leave")}>
            <Icon name="cross" />
            Leave the call
          </button>
        ) : (
          <>
            <button
              type="button"
              className="button"
              aria-pressed={call.held}
              aria-disabled={busy}
              onClick={() => void act(() => api.hold(call.id, !call.held))}
            >
              <Icon name="pause" />
              {call.held ? "Take off hold" : "Hold"}
            </button>
            <button
              type="button"
              className="button"
              aria-expanded={open === "keys"}
              onClick={() => setOpen(open === "keys" ? null : "keys")}
            >
              <Icon name="keypad" />
              Keypad
            </button>
          </>
        )}
        <button type="button" className="button" onClick={() => setOpen("transfer")}>
          <Icon name="transfer" />
          Transfer
        </button>
        <button type="button" className="button danger controls-end" onClick={() => setOpen("end")}>
          <Icon name="hangUp" />
          Hang up
        </button>
      </div>
      {call.held ? (
        <p className="banner" role="status">
          <Icon name="pause" />
          <span className="banner-text">
            On hold: the caller hears a tone, and neither hears the other.
          </span>
        </p>
      ) : null}
      {open === "keys" ? <Keypad onKey={(key) => void act(() => api.dtmf(call.id, key))} /> : null}
      <div role="alert">
        {problem === null ? null : <p className="form-problem">{describeSpeakProblem(problem)}</p>}
      </div>
      {open === "transfer" ? (
        <FormDialog
          title={`Transfer ${callerOf(call)}`}
          action="Transfer"
          onClose={close}
          onSubmit={(fields) => {
            const kind = fields.text("kind") === "cold" ? "cold" : "warm";
            return api.transfer(call.id, fields.text("to").replaceAll(/[\s().-]/g, ""), kind);
          }}
        >
          <TextField
            label="To"
            name="to"
            type="tel"
            required
            placeholder="+1 206 555 0100"
            hint="With the country's code."
          />
          <SelectField label="How" name="kind" options={TRANSFERS} />
          <p className="quiet">
            Together, the caller hears music for a few seconds, and you are muted until you speak again.
          </p>
        </FormDialog>
      ) : null}
      {open === "leave" ? (
        <FormDialog
          title={`Leave the call with ${callerOf(call)}?`}
          action="Leave"
          onClose={close}
          onSubmit={() => {
            desk.stop();
            return Promise.resolve();
          }}
        >
          <p>The others talk on without you. With nobody else there, the call ends.</p>
        </FormDialog>
      ) : null}
      {open === "end" ? (
        <FormDialog
          title={`Hang up on ${callerOf(call)}?`}
          action="Hang up"
          isDangerous
          onClose={close}
          onSubmit={() => api.endCall(call.id)}
        >
          <p>The call ends for everybody.</p>
        </FormDialog>
      ) : null}
    </div>
  );
}

/** Keys as a phone has them; those of the keyboard do the same. */
function Keypad({ onKey }: { onKey: (key: string) => void }): ReactElement {
  const [sent, setSent] = useState("");
  const press = (key: string) => {
    setSent((before) => (before + key).slice(-24));
    onKey(key);
  };
  useEffect(() => {
    const onDown = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || !KEYS.includes(key)) return;
      if (target instanceof Element && target.closest("input, textarea, select, dialog") !== null) return;
      event.preventDefault();
      // Before the page's own keys: 1 and 2 choose a side elsewhere.
      event.stopPropagation();
      press(key);
    };
    window.addEventListener("keydown", onDown, { capture: true });
    return () => window.removeEventListener("keydown", onDown, { capture: true });
  });
  return (
    <div className="keypad" role="group" aria-label="Keypad">
      <output className="keypad-sent digits" aria-label="Keys sent">
        {sent === "" ? "Press keys, here or on your keyboard" : sent}
      </output>
      {KEYS.map((key) => (
        <button key={key} type="button" className="keypad-key" onClick={() => press(key)}>
          {key}
        </button>
      ))}
    </div>
  );
}
