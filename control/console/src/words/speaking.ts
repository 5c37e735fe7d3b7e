/** Speaking in a call, in words. One's own voice is the last thing to be vague about. */

import type { Call, Mode } from "@partyline/client/contract";
import type { MouthState } from "@partyline/client/mouth";
import type { SayState } from "@partyline/client/say";
import type { Fall, SpeakerState } from "@partyline/client/speaker";
import type { IconName } from "../parts/Icon.tsx";

/** A mode: what it is called, drawn and done with. */
export interface ModeWords {
  readonly word: string;
  readonly icon: IconName;
  readonly key: string;
  /** Who will hear, once the microphone is open. */
  readonly long: string;
  /** Who is in it, told so. */
  readonly done: string;
}

/** All modes, from the quietest to the loudest. */
export const MODES: Readonly<Record<Mode, ModeWords>> = {
  listen: { word: "Listen", icon: "ear", key: "L", long: "Nobody hears you", done: "You listen" },
  whisper: {
    word: "Whisper",
    icon: "whisper",
    key: "W",
    long: "For the agent alone: the caller cannot hear it",
    done: "You whisper",
  },
  join: {
    word: "Join",
    icon: "join",
    key: "B",
    long: "For everyone, the caller too",
    done: "You joined",
  },
  takeover: {
    word: "Take over",
    icon: "takeover",
    key: "T",
    long: "In place of the AI, which is silent",
    done: "You took over",
  },
};

/** Who hears this person now, and why it is so. */
export interface AudienceWords {
  readonly text: string;
  readonly detail: string;
  readonly icon: IconName;
}

/** The one sentence that is always on screen. `mine`: a call that this person has answered. */
export function audienceWords(state: SpeakerState | null, mouth: MouthState, mine = false): AudienceWords {
  if (state?.audience === "everyone")
    return {
      text: mine ? "The caller hears you" : "Everyone hears you, caller included",
      detail: "",
      icon: "onAir",
    };
  // Of one's own call that is so while the caller is on hold.
  if (state?.audience === "agents" && mine)
    return { text: "The caller does not hear you", detail: "on hold", icon: "micOff" };
  if (state?.audience === "agents")
    return { text: "Only the agent hears you", detail: "the caller does not", icon: "whisper" };
  return { text: "Nobody can hear you", detail: nobodyWhy(state, mouth), icon: "micOff" };
}

function nobodyWhy(state: SpeakerState | null, mouth: MouthState): string {
  if (mouth.kind === "asking") return "the browser asks for your microphone";
  if (state === null || !state.armed) return "microphone off";
  if (state.wanted !== null) return "one moment";
  if (!state.ready) return "connecting your microphone";
  if (state.muted) return "you are muted";
  if (state.talk !== "off") return "waiting for the gateway";
  return "microphone ready, not open";
}

/** What a mode means while one is in it. */
export function modeSentence(mode: Mode): string {
  switch (mode) {
    case "listen":
      return "";
    case "whisper":
      return "Whispering: only the agent will hear you, never the caller.";
    case "join":
      return "Joined: everyone will hear you, caller included.";
    case "takeover":
      return "You have taken over from the AI.";
  }
}

/** Why the microphone was shut by something else than this person. */
export function fallWords(fall: Fall, mine = false): string {
  const again = mine ? "Unmute to speak again." : "Open it again to speak.";
  switch (fall) {
    case "lost":
      return `The line to your microphone's gate was lost, and it was shut. ${again}`;
    case "unconfirmed":
      return `The gateway did not confirm your microphone, and it was shut. ${again}`;
    case "slept":
      return `This page stood still for a moment, and your microphone was shut. ${again}`;
    case "shut":
      return `The gateway shut your microphone. ${again}`;
    case "unplugged":
      return "Your microphone was unplugged. Nobody hears you until you choose another.";
    case "hidden":
      return `You left this tab, and your microphone was shut. ${again}`;
    case "reconnected":
      return mine
        ? "The connection was lost: your microphone is off. The caller does not hear you until you speak again."
        : "The connection was lost: you are back to listening, and your microphone is off.";
  }
}

/** What there is to do about a microphone that does not open; empty when it does. */
export function mouthWords(state: MouthState): string {
  switch (state.kind) {
    case "off":
      return "";
    case "asking":
      return "The browser asks whether this page may use your microphone.";
    case "ready":
      return state.silenced ? "Your system or headset keeps this microphone silent." : "";
    case "failed":
      switch (state.why) {
        case "denied":
          return "This page may not use your microphone. Allow it in the browser's settings of this site.";
        case "missing":
          return "No microphone was found. Plug one in, and try again.";
        case "busy":
          return "Another program has your microphone. Close it, and try again.";
        case "unplugged":
          return "Your microphone was unplugged.";
        case "unsupported":
          return "This browser gives no microphone to this page. It does so over https alone.";
      }
  }
}

/** What is read aloud when it changes: who hears this person. */
export function announceSpeaking(state: SpeakerState, mine: boolean): string {
  if (state.fell !== null && state.audience === "nobody")
    return `Nobody can hear you. ${fallWords(state.fell, mine)}`;
  const { text } = audienceWords(state, { kind: "off" }, mine);
  const mode = mine ? "" : modeSentence(state.mode);
  return [`${text}.`, mode].filter((part) => part !== "").join(" ");
}

/** Why one cannot be heard in this call at all; null when one can. */
export function onlyListening(call: Call): string | null {
  return call.route === null ? "This call is only listened to: it came to no number of Partyline's." : null;
}

/** Whether one is heard through a conference at Twilio, which has to be brought about. */
export function isMoved(call: Call): boolean {
  return call.route === "monitor" || call.route === "conference";
}

/** What is going on until one is connected to it. */
export const MOVING =
  "Connecting you through a conference at Twilio: a few seconds. The two talk on, and nobody hears you yet.";

/** What a call's AI does. */
export function botWords(bot: NonNullable<Call["bot"]>): {
  word: string;
  tone: "good" | "warn" | "bad" | "quiet";
} {
  switch (bot) {
    case "active":
      return { word: "AI speaks with them", tone: "good" };
    case "paused":
      return { word: "AI paused", tone: "warn" };
    case "failed":
      return { word: "AI failed", tone: "bad" };
    case "gone":
      return { word: "AI has left", tone: "quiet" };
  }
}

/** Where a written line is. */
export function sayWords(state: SayState): { word: string; icon: IconName } {
  switch (state) {
    case "sending":
      return { word: "Sending", icon: "wave" };
    case "queued":
      return { word: "Queued", icon: "pause" };
    case "speaking":
      return { word: "Speaking", icon: "volume" };
    case "spoken":
      return { word: "Spoken", icon: "check" };
    case "interrupted":
      return { word: "Interrupted", icon: "stop" };
    case "failed":
      return { word: "Failed", icon: "warning" };
    case "call_ended":
      return { word: "Call ended first", icon: "cross" };
  }
}
