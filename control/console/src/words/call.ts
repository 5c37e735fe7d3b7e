/** A call in words. */

import { type Call, type CallStatus, isActive } from "@partyline/client/contract";

/** What a status is called, and how it is marked beside the word. */
export interface StatusWords {
  readonly word: string;
  readonly tone: "ringing" | "live" | "over" | "failed";
}

/** The word for a status. */
export function statusWords(status: CallStatus): StatusWords {
  switch (status) {
    case "incoming":
      return { word: "Ringing", tone: "ringing" };
    case "in_progress":
      return { word: "Live", tone: "live" };
    case "completed":
      return { word: "Ended", tone: "over" };
    case "failed":
      return { word: "Failed", tone: "failed" };
    case "no_answer":
      return { word: "No answer", tone: "over" };
    case "busy":
      return { word: "Busy", tone: "over" };
    case "canceled":
      return { word: "Canceled", tone: "over" };
  }
}

/** Who the person on the phone is: name, else number. */
export function callerOf(call: Call): string {
  return call.caller_name ?? phone(call.customer_number);
}

/** The other end: our number. */
export function organizationOf(call: Call): string {
  return phone(call.organization_number ?? call.phone_number);
}

/** A number with spaces where a person pauses; as it is where the plan of the country is not known here. */
export function phone(number: string | null | undefined): string {
  if (number === null || number === undefined || number === "") return "Unknown number";
  const north = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  if (north !== null) return `+1 ${north[1]} ${north[2]} ${north[3]}`;
  const london = /^\+44(20)(\d{4})(\d{4})$/.exec(number);
  if (london !== null) return `+44 ${london[1]} ${london[2]} ${london[3]}`;
  return number;
}

/** How many hear it. */
export function listening(count: number): string {
  return count === 0 ? "nobody listens" : `${count} listening`;
}

/** How many people, as a word of its own. */
export function people(count: number): string {
  if (count === 0) return "Nobody";
  return count === 1 ? "1 person" : `${count} people`;
}

/** When the call began to count: when it was answered, else when it came. */
export function countsFrom(call: Call): number {
  return Date.parse(call.answered_at ?? call.started_at);
}

/** How long the call goes or went on at `now` (server time), in ms. */
export function lengthMs(call: Call, now: number): number {
  if (call.ended_at !== null && call.ended_at !== undefined)
    return Date.parse(call.ended_at) - countsFrom(call);
  return now - countsFrom(call);
}

/** Whether the call is meant by what was typed: name, number, tag or id. */
export function matches(call: Call, query: string): boolean {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return true;
  const digits = wanted.replace(/[\s()+.-]/g, "");
  const numbers = [call.customer_number, call.organization_number, call.phone_number];
  if (/^\d+$/.test(digits) && numbers.some((number) => number?.includes(digits))) return true;
  const texts = [call.caller_name, call.intent, call.id, call.call_sid, ...(call.tags ?? [])];
  return texts.some((text) => text?.toLowerCase().includes(wanted));
}

/** Whether somebody has yet to take care of it. */
export function needsAttention(call: Call): boolean {
  return !isActive(call.status) && !call.is_handled;
}

/** How many calls came since. */
export function newCalls(count: number): string {
  return count === 1 ? "1 new call" : `${count} new calls`;
}
