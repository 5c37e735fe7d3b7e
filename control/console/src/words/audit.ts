/** The audit log in words. */

import { isRecord } from "@partyline/client/problem";

/** What can be done, by its name in the log. */
export const ACTIONS: Readonly<Record<string, string>> = {
  "sign_in.started": "Signed in",
  "sign_in.failed": "Failed to sign in",
  "sign_in.ended": "Signed out",
  "sign_in.reused": "A used cookie came again",
  "password.changed": "Changed the password",
  "access.refused": "Was refused",
  "session.granted": "Asked to join a call",
  "session.started": "Joined a call",
  "session.changed": "Changed how they take part",
  "session.ended": "Left a call",
  "session.closed": "Ended somebody's connection",
  "call.changed": "Changed a record",
  "call.removed": "Deleted a record",
  "number.added": "Added a number",
  "number.changed": "Changed a number",
  "number.removed": "Removed a number",
  "user.added": "Added a person",
  "user.changed": "Changed a person",
  "key.added": "Made a key",
  "key.revoked": "Revoked a key",
  "invitation.added": "Invited somebody",
  "invitation.accepted": "Accepted an invitation",
  "invitation.revoked": "Revoked an invitation",
  "tenant.added": "Made the organization",
  "tenant.changed": "Changed the organization",
  "account.changed": "Changed the Twilio account",
  "data.exported": "Exported data",
};

/** An action in words; one that this build does not know keeps its own name. */
export function actionWords(action: string): string {
  return ACTIONS[action] ?? action;
}

/** Most particulars shown, and the longest text of one. */
const MOST = 4;
const LONGEST = 60;

/** The particulars that are plain values, as a line. */
export function particulars(data: unknown): string {
  if (!isRecord(data)) return "";
  const plain = Object.entries(data).filter(
    ([, value]) => typeof value === "string" || typeof value === "number" || value === true,
  );
  const word = (name: string) => name.replaceAll("_", " ");
  return plain
    .slice(0, MOST)
    .map(([name, value]) =>
      value === true ? word(name) : `${word(name)} ${String(value).slice(0, LONGEST)}`,
    )
    .join(", ");
}
