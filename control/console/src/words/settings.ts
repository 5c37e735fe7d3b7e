/** Roles, scopes and routes in words. */

import type { Role, Route, Scope } from "@partyline/client/contract";

/** What a role may do. */
export const ROLES: Readonly<Record<Role, string>> = {
  admin: "Admin: everything, and these settings",
  supervisor: "Supervisor: all calls; listens, whispers, joins, takes over",
  agent: "Agent: answers calls that ring, and has those alone",
  viewer: "Viewer: reads calls and listens, changes nothing",
};

/** What a key's scope lets a program do. */
export const SCOPES: Readonly<Record<Scope, string>> = {
  "calls:read": "Read calls, their history and live events",
  "calls:write": "Change records",
  "calls:listen": "Listen to calls",
  "calls:speak": "Be heard in calls, by text or bot; hold, end and transfer them",
  "numbers:read": "Read numbers",
  "numbers:write": "Add, change and remove numbers",
};

/** What the calls of a number do. */
export const ROUTES: Readonly<Record<Route, { word: string; long: string }>> = {
  monitor: { word: "Monitor", long: "Monitor: rings somebody, and is heard beside" },
  conference: {
    word: "Conference",
    long: "Conference: the same, in a conference at Twilio from the beginning",
  },
  agent: { word: "Agent", long: "Agent: answered over the stream, by a program or a person" },
};

/** The role that this text is, if it is one. */
export function roleOf(text: string): Role {
  return keysOf(ROLES).find((role) => role === text) ?? "viewer";
}

/** The route that this text is, if it is one. */
export function routeOf(text: string): Route {
  return keysOf(ROUTES).find((route) => route === text) ?? "monitor";
}

/** The keys of words, as they are known here. */
export function keysOf<K extends string>(words: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(words).filter((key): key is K => key in words);
}
