/** What a person prefers on this device. Kept in local storage: nothing secret, nothing of a call. */

import { Cell, type Live } from "@partyline/client/cell";
import { isRecord } from "@partyline/client/problem";
import { DEFAULT_SOUND, type SoundSettings } from "@partyline/client/sound";

/** Light, dark, or as the system says. */
export type Theme = "system" | "light" | "dark";

/** A person's choices. */
export interface Preferences {
  readonly theme: Theme;
  /** Whether single keys do something (WCAG 2.2, criterion 2.1.4: they can be turned off). */
  readonly singleKeys: boolean;
  readonly sound: SoundSettings;
  /** The microphone last used, by the browser's name for it. */
  readonly microphone: string | null;
  /** Whether calls that ring are heard, and told of when the page is not looked at. */
  readonly ring: boolean;
}

/** Choices that outlive the page. */
export interface PreferenceStore {
  readonly value: Live<Preferences>;
  change(preferences: Partial<Preferences>): void;
}

const KEY = "partyline.preferences";
const DEFAULTS: Preferences = {
  theme: "system",
  singleKeys: true,
  sound: DEFAULT_SOUND,
  microphone: null,
  ring: true,
};

/** Preferences in this storage; in memory alone where the browser keeps none. */
export function createPreferences(storage: Pick<Storage, "getItem" | "setItem"> | null): PreferenceStore {
  const cell = new Cell<Preferences>(read(storage));
  return {
    value: cell,
    change(preferences) {
      cell.set({ ...cell.get(), ...preferences });
      try {
        storage?.setItem(KEY, JSON.stringify(cell.get()));
      } catch {
        // Full or forbidden storage: the choice holds until the page goes.
      }
    },
  };
}

function read(storage: Pick<Storage, "getItem"> | null): Preferences {
  let value: unknown = null;
  try {
    value = JSON.parse(storage?.getItem(KEY) ?? "null");
  } catch {
    // Not ours, or of another age.
  }
  if (!isRecord(value)) return DEFAULTS;
  const { theme, singleKeys, sound, microphone, ring } = value;
  return {
    theme: theme === "light" || theme === "dark" ? theme : "system",
    singleKeys: typeof singleKeys === "boolean" ? singleKeys : DEFAULTS.singleKeys,
    sound: isRecord(sound) ? readSound(sound) : DEFAULT_SOUND,
    microphone: typeof microphone === "string" ? microphone : null,
    ring: typeof ring === "boolean" ? ring : DEFAULTS.ring,
  };
}

/** Solo is left out: who comes back tomorrow expects to hear both. */
function readSound({ volume, oneEar }: Record<string, unknown>): SoundSettings {
  const good = typeof volume === "number" && volume >= 0 && volume <= 1;
  return { solo: "both", volume: good ? volume : DEFAULT_SOUND.volume, oneEar: oneEar === true };
}
