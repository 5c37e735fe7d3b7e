import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { mouthWords } from "../words/speaking.ts";
import { Icon } from "./Icon.tsx";
import { MicMeter } from "./MicMeter.tsx";

/** Which microphone it is, how loud it is, and what is wrong with it. */
export function Microphone({ onTry }: { onTry: () => void }): ReactElement {
  const { mouth } = usePartyline();
  const state = useLive(mouth.state);
  const devices = useLive(mouth.devices);
  const words = mouthWords(state);
  const chosen = state.kind === "ready" ? state.device : null;
  const isListed = chosen === null || devices.some(({ id }) => id === chosen.id);
  return (
    <div className="microphone">
      <div className="microphone-line">
        <Icon name={state.kind === "ready" ? "mic" : "micOff"} />
        <label className="microphone-choice">
          <span className="hidden-text">Microphone</span>
          <select
            value={chosen?.id ?? ""}
            disabled={state.kind === "asking" || devices.length === 0}
            onChange={({ target }) => void mouth.choose(target.value)}
          >
            {chosen === null ? <option value="">No microphone</option> : null}
            {isListed ? null : <option value={chosen.id}>{chosen.name}</option>}
            {devices.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {state.kind === "ready" ? <MicMeter mouth={mouth} /> : null}
      </div>
      {words === "" ? null : (
        <p className="microphone-words" role="status" data-wrong={state.kind === "failed"}>
          {words}
        </p>
      )}
      {state.kind === "failed" || state.kind === "off" ? (
        <button type="button" className="button" onClick={onTry}>
          {state.kind === "off" ? "Turn the microphone on" : "Try again"}
        </button>
      ) : null}
    </div>
  );
}
