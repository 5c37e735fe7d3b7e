import { createContext, useContext } from "react";
import type { Partyline } from "./partyline.ts";

/** Where pages find the parts that live outside React. */
export const PartylineContext = createContext<Partyline | null>(null);

/** The parts that live outside React. */
export function usePartyline(): Partyline {
  const partyline = useContext(PartylineContext);
  if (partyline === null) throw new Error("a page was rendered outside of PartylineContext");
  return partyline;
}
