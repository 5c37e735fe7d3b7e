import type { ReactElement } from "react";
import type { Theme } from "../state/preferences.ts";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { Icon, type IconName } from "./Icon.tsx";

const THEMES: Record<Theme, { next: Theme; word: string; icon: IconName }> = {
  system: { next: "light", word: "as the system", icon: "screen" },
  light: { next: "dark", word: "light", icon: "sun" },
  dark: { next: "system", word: "dark", icon: "moon" },
};

/** Goes through: as the system, light, dark. */
export function ThemeSwitch(): ReactElement {
  const { preferences } = usePartyline();
  const { theme } = useLive(preferences.value);
  const { next, word, icon } = THEMES[theme];
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Colours: ${word}. Change to ${THEMES[next].word}`}
      title={`Colours: ${word}`}
      onClick={() => preferences.change({ theme: next })}
    >
      <Icon name={icon} />
    </button>
  );
}
