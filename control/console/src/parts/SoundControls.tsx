import type { Solo, Sound } from "@partyline/client/sound";
import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { Icon } from "./Icon.tsx";

const SOLOS: readonly { solo: Solo; word: string; key: string }[] = [
  { solo: "both", word: "Both", key: "0" },
  { solo: "caller", word: "Caller", key: "1" },
  { solo: "agent", word: "Agent", key: "2" },
];

/** Volume, and who is heard: nobody can choose where both sides arrive as one. */
export function SoundControls({
  sound,
  together = false,
}: {
  sound: Pick<Sound, "settings" | "change">;
  together?: boolean;
}): ReactElement {
  const { volume, solo, oneEar } = useLive(sound.settings);
  const percent = Math.round(volume * 100);
  return (
    <div className="sound">
      <label className="volume">
        <Icon name="volume" />
        <span className="hidden-text">Volume</span>
        <input
          type="range"
          min={0}
          max={100}
          step={5}
          value={percent}
          aria-valuetext={`${percent} %`}
          aria-keyshortcuts="[ ]"
          onChange={(event) => sound.change({ volume: Number(event.target.value) / 100 })}
        />
        <span className="volume-value digits">{percent} %</span>
      </label>
      <fieldset className="segments" disabled={together}>
        <legend className="hidden-text">Whose voice is heard</legend>
        {SOLOS.map(({ solo: value, word, key }) => (
          <label key={value} className="segment">
            <input
              type="radio"
              name="solo"
              checked={together ? value === "both" : solo === value}
              aria-keyshortcuts={key}
              onChange={() => sound.change({ solo: value })}
            />
            <span>
              {word} <kbd aria-hidden="true">{key}</kbd>
            </span>
          </label>
        ))}
      </fieldset>
      <label className="check">
        <input
          type="checkbox"
          checked={together || oneEar}
          disabled={together}
          onChange={(event) => sound.change({ oneEar: event.target.checked })}
        />
        Both voices in both ears
      </label>
    </div>
  );
}
