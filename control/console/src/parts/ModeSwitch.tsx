import type { Mode } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { MODES, type ModeWords } from "../words/speaking.ts";
import { Icon } from "./Icon.tsx";

const ORDER: readonly Mode[] = ["listen", "whisper", "join", "takeover"];

/** What one's connection may do: four modes, each with a word, a shape and a colour of its own. */
export function ModeSwitch(props: {
  mode: Mode;
  wanted: Mode | null;
  /** Why a mode cannot be chosen; null when it can. */
  blockedBy: (mode: Mode) => string | null;
  onMode: (mode: Mode) => void;
}): ReactElement {
  const { mode, wanted, blockedBy, onMode } = props;
  return (
    <div className="modes" role="group" aria-label="What you do in this call">
      {ORDER.map((one) => (
        <ModeButton
          key={one}
          mode={one}
          words={MODES[one]}
          isOn={one === mode}
          isWanted={one === wanted}
          blockedBy={blockedBy(one)}
          onMode={onMode}
        />
      ))}
    </div>
  );
}

function ModeButton(props: {
  mode: Mode;
  words: ModeWords;
  isOn: boolean;
  isWanted: boolean;
  blockedBy: string | null;
  onMode: (mode: Mode) => void;
}): ReactElement {
  const { mode, words, isOn, isWanted, blockedBy, onMode } = props;
  return (
    <button
      type="button"
      className="mode"
      data-mode={mode}
      aria-pressed={isOn}
      aria-busy={isWanted}
      aria-disabled={blockedBy !== null}
      aria-keyshortcuts={words.key}
      title={blockedBy ?? words.long}
      onClick={() => {
        if (blockedBy === null) onMode(mode);
      }}
    >
      <Icon name={words.icon} />
      <span className="mode-word">{words.word}</span>
      <kbd aria-hidden="true">{words.key}</kbd>
    </button>
  );
}
