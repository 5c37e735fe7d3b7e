import type { Solo, Sound } from "@partyline/client/sound";
import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { Icon } from "./Icon.tsx";
import { Segments } from "./Segments.tsx";

const SOLOS: readonly { value: Solo; word: string; key: string }[] = [
  { value: "both", word: "Both", key: "0" },
  { value: "caller", word: "Caller", key: "1" },
  { value: "agent", word: "Agent", key: "2" },
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
      <Segments
        legend="Whose voice is heard"
        name="solo"
        options={SOLOS}
        value={together ? "both" : solo}
        disabled={together}
        onChange={(value) => sound.change({ solo: value })}
      />
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
