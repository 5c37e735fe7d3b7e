import type { Role, User } from "@partyline/client/contract";
import { useLive } from "./useLive.ts";
import { usePartyline } from "./usePartyline.ts";

/** Who is signed in; null on the way in and out. */
export function useUser(): User | null {
  const state = useLive(usePartyline().account.state);
  return state.kind === "signed_in" ? state.user : null;
}

/** What a role may do beyond reading. Control decides; here it decides what is offered. */
export interface Rights {
  /** Change records: handled, urgent, notes, tags, name. */
  readonly changeCalls: boolean;
  /** People, keys, numbers. */
  readonly administer: boolean;
}

/** The rights of a role. */
export function rightsOf(role: Role | undefined): Rights {
  return { changeCalls: role !== undefined && role !== "viewer", administer: role === "admin" };
}

/** The rights of who is signed in. */
export function useRights(): Rights {
  return rightsOf(useUser()?.role);
}
