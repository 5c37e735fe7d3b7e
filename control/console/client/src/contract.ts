/** The API's own words for things, as generated from its OpenAPI file. */

import type { components, paths } from "./schema.ts";

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

/** What somebody may do. */
export type Role = Schemas["Role"];

/** A person to add. */
export type UserCreate = Schemas["UserCreate"];

/** What to change of a person. */
export type UserChange = Schemas["UserChange"];

/** Which records to list, and which page of them. */
export type CallQuery = NonNullable<paths["/api/calls"]["get"]["parameters"]["query"]>;

/** A line of what was said. */
export type TranscriptLine = Schemas["TranscriptLine"];

/** What to change of a call's record. What is left out stays. */
export type CallChange = Schemas["CallChange"];

/** Figures of all calls. */
export type CallStats = Schemas["Stats"];

/** Figures over a time. */
export type Analytics = Schemas["Analytics"];

/** Of which time, and how fine. */
export type AnalyticsQuery = NonNullable<paths["/api/calls/analytics"]["get"]["parameters"]["query"]>;

/** Figures of some calls. */
export type Figures = Schemas["Figures"];

/** What a program sends in place of a sign-in. */
export type ApiKey = Schemas["ApiKey"];

/** A key that was made just now: the only time it is shown. */
export type ApiKeyNew = Schemas["KeyCreated"];

/** A key to make. */
export type KeyCreate = Schemas["KeyCreate"];

/** What a key may do. */
export type Scope = Schemas["Scope"];

/** A phone number of the organization. */
export type PhoneNumber = Schemas["Number"];

/** The particulars of a number. */
export type NumberSettings = Schemas["NumberSettings"];

/** The bot that answers a number's calls. */
export type BotSettings = Schemas["BotSettings"];

/** What a number's calls do. */
export type Route = Schemas["Route"];

/** A number to add. */
export type NumberCreate = Schemas["NumberCreate"];

/** What to change of a number. */
export type NumberChange = Schemas["NumberPatch"];

/** Leave to become one of the tenant's people. */
export type Invitation = Schemas["Invitation"];

/** An invitation that was made just now: the only time its link is shown. */
export type InvitationNew = Schemas["InvitationCreated"];

/** Whom to invite. */
export type InvitationCreate = Schemas["InvitationCreate"];

/** The organization, and what its admins decided. */
export type TenantView = Schemas["TenantView"];

/** What to change of the organization. */
export type TenantChange = Schemas["TenantChange"];

/** A page of the audit log, newest first. */
export type AuditPage = Schemas["AuditPage"];

/** Which entries of the audit log to list. */
export type AuditQuery = NonNullable<paths["/api/audit"]["get"]["parameters"]["query"]>;

/** What a connection may do. */
export type Mode = Schemas["Mode"];

/** How a caller is put through. */
export type TransferKind = Schemas["TransferKind"];

/** Leave to open one connection. */
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
