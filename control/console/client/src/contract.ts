/** The API's own words for things, as generated from its OpenAPI file. */

import type { components } from "./schema.ts";

type Schemas = components["schemas"];

/** A call's record. What is not known of it is null: the generator cannot tell that from left out. */
export type Call = Required<Schemas["Call"]> & { media: Required<Schemas["Media"]> };

/** Where a call is in its life. */
export type CallStatus = Call["status"];

/** One line of a call's history. */
export type CallEvent = Schemas["CallEvent"];

/** A person who hears a call, and how well: null until the browser has reported. */
export type Hearing = Schemas["Hearing"];

/** How well somebody hears a call, as the gateway knows it. */
export type Quality = Schemas["Quality"];

/** Who is signed in. */
export type User = Schemas["User"];

/** Leave to open one listening connection. */
export type SessionGrant = Schemas["SessionGrant"];

/** Whether the call is still going on. */
export function isActive(status: CallStatus): boolean {
  switch (status) {
    case "incoming":
    case "in_progress":
      return true;
    case "completed":
    case "failed":
    case "no_answer":
    case "busy":
    case "canceled":
      return false;
    default:
      // A status this build does not know: better shown than hidden.
      return unknownStatus(status);
  }
}

function unknownStatus(_status: never): boolean {
  return true;
}
