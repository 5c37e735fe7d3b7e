/** A call's history in words. */

import type { Call, CallEvent } from "@partyline/client/contract";
import { isRecord } from "@partyline/client/problem";
import type { IconName } from "../parts/Icon.tsx";
import { span } from "./time.ts";

/** One event as a line. */
export interface EventWords {
  readonly icon: IconName;
  readonly text: string;
  /** More about it; empty when there is no more. */
  readonly detail: string;
}

/** The line for an event. A type that this build does not know keeps its own name. */
export function eventWords(event: CallEvent): EventWords {
  const data: Record<string, unknown> = isRecord(event.data) ? event.data : {};
  const text = (name: string): string => (typeof data[name] === "string" ? data[name] : "");
  // Control may be newer than this page.
  const type: string = event.type;
  switch (type) {
    case "call.incoming":
      return { icon: "ringing", text: "Call came in", detail: "" };
    case "call.answered":
      return { icon: "phone", text: "Answered", detail: "" };
    case "call.updated":
      return updateWords(data, text);
    case "call.ended":
      return {
        icon: "cross",
        text: "Call ended",
        detail: endWords(data, text("reason") || text("status") || text("twilio_status")),
      };
    case "call.media":
      return mediaWords(data, text);
    case "session.started":
      return { icon: "ear", text: `${person(data)} began to ${modeWord(text("mode"))}`, detail: "" };
    case "session.changed":
      if (text("failed") !== "") {
        return {
          icon: "warning",
          text: `${person(data)} could not ${modeWord(text("failed"))}`,
          detail: "",
        };
      }
      return { icon: "ear", text: `${person(data)} now may ${modeWord(text("mode"))}`, detail: "" };
    case "session.ended":
      return { icon: "ear", text: `${person(data)} left`, detail: leftWords(text("reason")) };
    case "message.sent":
      return { icon: "volume", text: saidWords(text("end")), detail: text("text") || text("content") };
    case "alert.raised":
      return { icon: "warning", text: alertWords(data, null), detail: "" };
    case "transcript.final":
      return { icon: "wave", text: "Something was said", detail: text("text") };
    default:
      return { icon: "wave", text: type, detail: "" };
  }
}

/** What needs a person now. */
export function alertWords(data: Readonly<Record<string, unknown>>, bot: Call["bot"]): string {
  const { kind, detail } = data;
  const words = typeof detail === "string" ? detail.trim().slice(0, 200) : "";
  if (kind === "bot_failed" || (bot === "failed" && typeof kind !== "string")) {
    return `The AI has failed${words === "" ? "" : ` (${words})`}: the caller waits for somebody.`;
  }
  if (kind === "caller_alone")
    return "Who had taken the call over is gone, and the AI is paused: the caller is alone.";
  return words === "" ? "A call needs somebody." : words;
}

function saidWords(end: string): string {
  switch (end) {
    case "spoken":
      return "A written line was spoken";
    case "interrupted":
      return "A written line was interrupted";
    case "failed":
      return "A written line could not be spoken";
    case "call_ended":
      return "The call ended before a written line";
    default:
      return "A line was written to be spoken";
  }
}

function updateWords(data: Record<string, unknown>, text: (name: string) => string): EventWords {
  const { recording, changed } = data;
  if (isRecord(recording) && typeof recording["status"] === "string") {
    return { icon: "wave", text: `Recording ${spaced(recording["status"])}`, detail: "" };
  }
  if (data["conference"] === true) return { icon: "phone", text: "Put into a conference", detail: "" };
  if (text("twilio_status") !== "") {
    return { icon: "phone", text: `Twilio says ${spaced(text("twilio_status"))}`, detail: "" };
  }
  // The names of the fields, of which the first few are enough.
  const fields = isRecord(changed) ? Object.keys(changed).slice(0, 5).map(spaced).join(", ") : "";
  const user = isRecord(data["user"]) ? person(data) : "";
  return {
    icon: "check",
    text: "Details changed",
    detail: [fields, user].filter((part) => part !== "").join(", by "),
  };
}

function mediaWords(data: Record<string, unknown>, text: (name: string) => string): EventWords {
  const digit = text("digit") || text("dtmf");
  if (digit !== "") return { icon: "keyboard", text: `Key ${digit} pressed`, detail: "" };
  const reason = spaced(text("reason"));
  if (text("twilio_event") !== "") {
    const word = spaced(text("twilio_event").replace(/^stream-/, ""));
    return { icon: "wave", text: `Twilio: stream ${word}`, detail: text("error").slice(0, 120) };
  }
  if (data["live"] === true) return { icon: "wave", text: "Audio arrives", detail: "" };
  if (data["live"] === false) return { icon: "pause", text: "Audio stopped", detail: reason };
  return { icon: "wave", text: "Audio changed", detail: reason };
}

function person(data: Record<string, unknown>): string {
  const user = data["user"];
  return isRecord(user) && typeof user["name"] === "string" ? user["name"] : "Someone";
}

function modeWord(mode: string): string {
  switch (mode) {
    case "whisper":
    case "join":
      return mode;
    case "takeover":
      return "take over";
    default:
      return "listen";
  }
}

function leftWords(reason: string): string {
  switch (reason) {
    case "":
    case "left":
      return "";
    case "call_ended":
      return "the call ended";
    case "lost":
      return "connection lost";
    default:
      return spaced(reason);
  }
}

function endWords(data: Record<string, unknown>, reason: string): string {
  const seconds = data["duration_seconds"];
  const long = typeof seconds === "number" ? `after ${span(seconds * 1000)}` : "";
  const why = reason === "completed" ? "" : spaced(reason);
  return [why, long].filter((part) => part !== "").join(", ");
}

function spaced(word: string): string {
  return word.replaceAll("_", " ").slice(0, 120);
}
