/** Records for tests: whole, with what is given in place of the usual. */

import type { Call, Hearing, Quality, SessionGrant, User } from "../contract.ts";

export function makeCall(changes: Partial<Call> = {}): Call {
  return {
    id: "call_1",
    call_sid: "CA1",
    direction: "inbound",
    status: "in_progress",
    caller_name: null,
    customer_number: "+14155550101",
    organization_number: "+12065550100",
    phone_number: "+14155550101",
    started_at: "2026-11-20T12:00:00Z",
    answered_at: "2026-11-20T12:00:00Z",
    ended_at: null,
    duration_seconds: null,
    is_handled: false,
    is_urgent: false,
    intent: null,
    summary: null,
    tags: [],
    notes: null,
    route: "agent",
    answered_by: null,
    rings: false,
    bot: null,
    held: false,
    listeners: 0,
    media: { live: true, tracks: ["inbound", "outbound"], gateway: "node_1" },
    ...changes,
  };
}

export function makeHearing(changes: Partial<Hearing> = {}): Hearing {
  return {
    id: "ses_1",
    user: { id: "usr_1", name: "Mara Lindqvist" },
    mode: "listen",
    side: "beside",
    since: "2026-11-20T12:01:00Z",
    quality: makeQuality(),
    ...changes,
  };
}

export function makeQuality(changes: Partial<Quality> = {}): Quality {
  return {
    loss_ratio: 0,
    loss_ratio_total: 0,
    jitter_ms: 2.2,
    round_trip_ms: 40.2,
    behind_ms: 21.3,
    mos: 4.38,
    packets: 500,
    reported_at: "2026-11-20T12:02:05Z",
    ...changes,
  };
}

export function makeUser(changes: Partial<User> = {}): User {
  return {
    id: "usr_1",
    email: "mara@example.com",
    name: "Mara Lindqvist",
    role: "supervisor",
    tenant: { id: "ten_1", name: "Harbour Clinic" },
    ...changes,
  };
}

export function makeGrant(changes: Partial<SessionGrant> = {}): SessionGrant {
  return {
    id: "ses_1",
    mode: "listen",
    side: "beside",
    whep_url: "https://gateway.example/whep/call_1",
    token: "grant",
    ice_servers: [],
    expires_at: "2026-11-20T12:01:00Z",
    ...changes,
  };
}
