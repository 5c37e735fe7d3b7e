import { useEffect } from "react";
import { useLive } from "./useLive.ts";
import { usePartyline } from "./usePartyline.ts";

/** What keys do, by `KeyboardEvent.key`. A handler that returns false did nothing: the key goes on. */
export type Shortcuts = Readonly<Record<string, (event: KeyboardEvent) => boolean | void>>;

/** Keys that are no characters: they stay when single keys are turned off. */
const ALWAYS = new Set(["Escape"]);

/** Lets keys do something while the component is shown, but not while somebody types. */
export function useShortcuts(shortcuts: Shortcuts): void {
  const { preferences } = usePartyline();
  const { singleKeys } = useLive(preferences.value);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      // By letter, so that caps lock changes nothing.
      const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const act = shortcuts[name];
      if (act === undefined || !(singleKeys || ALWAYS.has(name))) return;
      if (isTaken(event.target, name) || document.querySelector("dialog[open]") !== null) return;
      if (act(event) !== false) event.preventDefault();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [shortcuts, singleKeys]);
}

/** Whether the focused element has a use of its own for this key. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const control = target.closest("input, textarea, select, button, a, summary, [contenteditable]");
  if (control === null) return false;
  if (key === "Escape") return false;
  if (key === "Enter" || key === " ") return true;
  if (control instanceof HTMLInputElement) return !["range", "checkbox", "radio"].includes(control.type);
  return control.matches("textarea, select, [contenteditable]");
}
