/** Problems in words: what happened, and what a person can do. */

import type { ListenProblem } from "@partyline/client/monitor";
import type { Problem } from "@partyline/client/problem";
import { span } from "./time.ts";

/** Why a page cannot show what was asked for. */
export function describeProblem(problem: Problem): string {
  switch (problem.kind) {
    case "unreachable":
      return "Partyline cannot be reached. Is the network up?";
    case "signed_out":
      return "You are no longer signed in.";
    case "forbidden":
      return sentence(problem.detail) ?? "You may not see this. Ask an administrator for the right to.";
    case "not_found":
      return sentence(problem.detail) ?? "There is no such thing here.";
    case "conflict":
      return sentence(problem.detail) ?? "That is not possible now.";
    case "too_many":
      return `Too many requests. Try again in ${span(problem.retryAfterSeconds * 1000)}.`;
    case "unavailable":
      return "Partyline is busy or restarting. Try again in a moment.";
    case "refused":
      return sentence(problem.detail) ?? `Partyline answered with an error (${problem.status}).`;
  }
}

/** Why a change was not made. */
export function describeChangeProblem(problem: Problem): string {
  switch (problem.kind) {
    case "forbidden":
      return sentence(problem.detail) ?? "Your role may not change this. An administrator can change that.";
    case "not_found":
      return "It is not there any more: somebody deleted it.";
    case "conflict":
      return CONFLICTS[problem.code] ?? describeProblem(problem);
    case "unreachable":
    case "signed_out":
    case "too_many":
    case "unavailable":
    case "refused":
      return describeProblem(problem);
  }
}

/** Why somebody is not heard in a call, or it was not moved on. */
export function describeSpeakProblem(problem: Problem): string {
  switch (problem.kind) {
    case "conflict":
      return SPEAK_CONFLICTS[problem.code] ?? describeProblem(problem);
    case "forbidden":
      return sentence(problem.detail) ?? "You may not do this in this call.";
    case "not_found":
      return "There is no such call, or your connection to it is gone.";
    case "unavailable":
      return "It could not be done just now. Try again in a moment.";
    case "unreachable":
    case "signed_out":
    case "too_many":
    case "refused":
      return describeProblem(problem);
  }
}

/** Conflicts of calls by their code. */
const SPEAK_CONFLICTS: Readonly<Record<string, string>> = {
  call_cannot_be_joined: "This call can only be listened to.",
  call_already_answered: "Somebody else has answered this call.",
  call_has_no_bot: "No AI answers this call.",
  call_not_answered:
    "The telephone they are put through to still rings. Try again when somebody has answered.",
  call_not_live: "This call has no live audio.",
  no_twilio_account: "The Twilio account that this call came by is not known any more.",
  session_is_over: "Your connection to this call is gone. Listen again.",
  too_many_lines: "There are as many lines waiting as there can be. Let some be said first.",
};

/** Conflicts by their code, where control's own words are for developers. */
const CONFLICTS: Readonly<Record<string, string>> = {
  call_in_progress: "The call still goes on. Its record can be deleted when it is over.",
  email_taken: "Somebody has this e-mail already. It may be somebody who was disabled.",
  last_admin: "Somebody must stay admin: make another person admin first.",
  number_exists: "This number is there already.",
  too_many_invitations: "There are as many invitations as there can be. Revoke one first.",
  too_many_keys: "There are as many keys as there can be. Revoke one first.",
  too_many_numbers: "There are as many numbers as there can be.",
};

/** Why signing in did not work. */
export function describeSignInProblem(problem: Problem): string {
  switch (problem.kind) {
    case "signed_out":
      return "E-mail or password is wrong.";
    case "too_many":
      return `Too many attempts. Try again in ${span(problem.retryAfterSeconds * 1000)}.`;
    case "unreachable":
      return "Partyline cannot be reached. Check the network and try again.";
    case "forbidden":
    case "not_found":
    case "conflict":
    case "unavailable":
    case "refused":
      return describeProblem(problem);
  }
}

/** Why a way by the provider did not end in a sign-in; null for a word that this page does not know. */
export function describeProviderProblem(word: string): string | null {
  switch (word) {
    case "canceled":
      return "You were not signed in there.";
    case "expired":
      return "That took too long, or another tab began anew. Try again.";
    case "refused":
      return "The provider's answer cannot be trusted. Tell an administrator if it happens again.";
    case "unknown":
      return "Nobody has invited you yet, or you may not sign in any more. Ask an administrator.";
    case "unavailable":
      return "The provider cannot be reached. Try again in a moment.";
    default:
      return null;
  }
}

/** Why a call cannot be heard. */
export function describeListenProblem(problem: ListenProblem): string {
  switch (problem.kind) {
    case "conflict":
      return problem.code === "call_not_live" || problem.code === ""
        ? "This call has no live audio."
        : describeProblem(problem);
    case "forbidden":
      return sentence(problem.detail) ?? "You may not listen to this call.";
    case "not_found":
      return "There is no such call any more.";
    case "no_audio":
      return "The gateway has no audio of this call yet.";
    case "no_media":
      return "No audio gets through to this browser. Is UDP to the gateway blocked?";
    case "unsupported":
      return "This browser cannot play live audio: WebRTC is missing or switched off.";
    case "unreachable":
      return "The gateway cannot be reached.";
    case "unavailable":
      return "The gateway has no room for another listener right now.";
    case "signed_out":
    case "too_many":
    case "refused":
      return describeProblem(problem);
  }
}

/** A server's detail as a sentence; null when there is none. */
function sentence(detail: string): string | null {
  const text = detail.trim();
  if (text === "") return null;
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
