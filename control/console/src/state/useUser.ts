import type { Call, Role, User } from "@partyline/client/contract";
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
  /** People, keys, numbers; deleting records. */
  readonly administer: boolean;
  /** Hear every call, and not one's own alone. */
  readonly listenToAll: boolean;
  /** Be heard in every call: whisper, join, take over; speak by text, pause the AI. */
  readonly speak: boolean;
  /** Answer calls that ring. */
  readonly answer: boolean;
}

/** The rights of a role. */
export function rightsOf(role: Role | undefined): Rights {
  const leads = role === "admin" || role === "supervisor";
  return {
    changeCalls: leads || role === "agent",
    administer: role === "admin",
    listenToAll: leads || role === "viewer",
    speak: leads,
    answer: role === "agent",
  };
}

/** The rights of who is signed in. */
export function useRights(): Rights {
  return rightsOf(useUser()?.role);
}

/** Whether this call is one's own: answered by who is signed in. */
export function useIsMine(call: Call): boolean {
  const user = useUser();
  return user !== null && call.answered_by?.id === user.id;
}
