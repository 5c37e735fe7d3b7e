import { Cell, type Live } from "@partyline/client/cell";
import type { Call } from "@partyline/client/contract";
import type { CallMonitor } from "@partyline/client/monitor";
import { type CallSpeaker, SILENT, type SpeakerState } from "@partyline/client/speaker";
import type { TakeoverReason } from "@partyline/client/speaking";
import { useCallback, useEffect } from "react";
import { useLive } from "./useLive.ts";
import { useMonitorOf } from "./useMonitorOf.ts";
import { usePartyline } from "./usePartyline.ts";

const NOBODY: Live<SpeakerState> = new Cell<SpeakerState>(SILENT);

/** What this person may be heard as by that connection; silent where there is none. */
export function useSpeakerState(monitor: CallMonitor | null): SpeakerState {
  return useLive(monitor?.speaker?.state ?? NOBODY);
}

/** Speaking on this call, while there is a connection that carries its audio. */
export interface Speaking {
  readonly speaker: CallSpeaker | null;
  readonly state: SpeakerState;
  /** Whether there is audio: without it nobody can be spoken to. */
  readonly isLive: boolean;
}

/** What is said of speaking on this call. */
export function useSpeaking(callId: string): Speaking {
  const monitor = useMonitorOf(callId);
  const speaker = monitor?.speaker ?? null;
  const kind = useLive(monitor?.state ?? IDLE).kind;
  return { speaker, state: useSpeakerState(monitor), isLive: kind === "live" };
}

const IDLE: Live<{ kind: string }> = new Cell({ kind: "idle" });

/** Marks the button that speaks while it is held: the space bar is its own. */
export const TALK_BUTTON = "data-talk";

/** Lets the space bar open the microphone while it is held down, and lets go of it whenever the page loses it. */
export function useHoldToTalk(speaker: CallSpeaker | null, isOn: boolean): void {
  const { preferences } = usePartyline();
  const { singleKeys } = useLive(preferences.value);
  useEffect(() => {
    if (speaker === null || !isOn) return undefined;
    let isDown = false;
    const onDown = (event: KeyboardEvent) => {
      if (event.key !== " " || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      if (!isFree(event.target, singleKeys) || document.querySelector("dialog[open]") !== null) return;
      event.preventDefault();
      if (event.repeat) return;
      isDown = true;
      speaker.hold(true);
    };
    // Also when the key is let go of elsewhere, which this page is not told.
    const letGo = () => {
      if (isDown) speaker.hold(false);
      isDown = false;
    };
    const onUp = (event: KeyboardEvent) => {
      if (event.key !== " ") return;
      // A held button would be clicked by it.
      if (isTalkButton(event.target)) event.preventDefault();
      letGo();
    };
    window.addEventListener("keydown", onDown);
    window.addEventListener("keyup", onUp);
    window.addEventListener("blur", letGo);
    return () => {
      window.removeEventListener("keydown", onDown);
      window.removeEventListener("keyup", onUp);
      window.removeEventListener("blur", letGo);
      letGo();
    };
  }, [speaker, isOn, singleKeys]);
}

function isTalkButton(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(`[${TALK_BUTTON}]`) !== null;
}

/** Whether the space bar has no other use where the focus is. */
function isFree(target: EventTarget | null, singleKeys: boolean): boolean {
  if (isTalkButton(target)) return true;
  if (!singleKeys) return false;
  if (!(target instanceof Element)) return true;
  return target.closest("input, textarea, select, button, a, summary, [contenteditable]") === null;
}

/** Takes a call over from its AI, whether or not it is listened to. Rejects with what control says. */
export function useTakeOver(call: Call): (why: TakeoverReason) => Promise<void> {
  const { api, desk, mouth, sound } = usePartyline();
  const { speaker, isLive } = useSpeaking(call.id);
  return useCallback(
    async (why) => {
      if (speaker !== null && isLive) {
        let refused: unknown = null;
        await speaker.setMode("takeover", {
          ask: async () => {
            try {
              await api.takeOver(call.id, why);
            } catch (error) {
              refused = error;
              throw error;
            }
          },
        });
        if (refused !== null) throw refused;
        return;
      }
      sound.resume();
      const grant = await api.takeOver(call.id, why);
      desk.stop();
      // Not waited for: the AI is silent already, and the person will see who hears them.
      void mouth.open();
      desk.listen(call.id, { grant, begin: "off" });
    },
    [api, desk, mouth, sound, speaker, isLive, call.id],
  );
}

/** Gives the call back to its AI: one's own microphone first. Rejects with what control says. */
export function useHandBack(call: Call): () => Promise<void> {
  const { api } = usePartyline();
  const { speaker, state } = useSpeaking(call.id);
  return useCallback(async () => {
    // Asked for first: it must be done even if this tab dies now.
    const resumed = api.resumeAi(call.id);
    if (state.mode !== "listen") await speaker?.setMode("listen");
    await resumed;
  }, [api, speaker, state.mode, call.id]);
}
