import type { Call, CallChange } from "@partyline/client/contract";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

/** What people write of a call. */
export interface Written {
  readonly caller_name: string;
  readonly tags: readonly string[];
  readonly notes: string;
}

/** A part of it. */
export type Part = keyof Written;

interface Draft {
  /** What the record was when the writing began. */
  readonly base: Written;
  readonly mine: Written;
}

const PARTS: readonly Part[] = ["caller_name", "tags", "notes"];

/** Writing on a record that others may change meanwhile. */
export interface RecordDraft {
  /** What the fields show. */
  readonly shown: Written;
  /** What would be sent; null when nothing is changed. */
  readonly change: CallChange | null;
  /** Parts that somebody else changed meanwhile, and this person too. */
  readonly contested: readonly Part[];
  readonly write: (part: Partial<Written>) => void;
  /** Takes what the others wrote in the contested parts. */
  readonly yield: () => void;
  /** Forgets the draft. */
  readonly drop: () => void;
}

/** The draft of this call. It outlives the page, as long as the person is signed in. */
export function useRecordDraft(call: Call): RecordDraft {
  const queries = useQueryClient();
  const key = ["draft", call.id];
  const [draft, setDraft] = useState<Draft | null>(() => queries.getQueryData<Draft>(key) ?? null);
  const keep = (next: Draft | null) => {
    setDraft(next);
    if (next === null) queries.removeQueries({ queryKey: key, exact: true });
    else {
      queries.setQueryDefaults(key, { gcTime: Number.POSITIVE_INFINITY });
      queries.setQueryData(key, next);
    }
  };
  const now = writtenOn(call);
  // What nobody here has touched follows the record.
  const shown = draft === null ? now : merged(draft, now);
  const changed =
    draft === null ? [] : PARTS.filter((part) => touched(draft, part) && differs(shown, now, part));
  return {
    shown,
    change: changed.length === 0 ? null : changeOf(shown, changed),
    contested: draft === null ? [] : changed.filter((part) => differs(draft.base, now, part)),
    write: (part) => keep({ base: draft?.base ?? now, mine: { ...shown, ...part } }),
    yield: () => keep({ base: now, mine: draft === null ? now : takeTheirs(draft, now) }),
    drop: () => keep(null),
  };
}

function writtenOn(call: Call): Written {
  return { caller_name: call.caller_name ?? "", tags: call.tags, notes: call.notes ?? "" };
}

function merged({ base, mine }: Draft, now: Written): Written {
  const pick = <P extends Part>(part: P): Written[P] =>
    differs(mine, base, part) ? mine[part] : now[part];
  return { caller_name: pick("caller_name"), tags: pick("tags"), notes: pick("notes") };
}

function takeTheirs({ base, mine }: Draft, now: Written): Written {
  const pick = <P extends Part>(part: P): Written[P] => (differs(base, now, part) ? now[part] : mine[part]);
  return { caller_name: pick("caller_name"), tags: pick("tags"), notes: pick("notes") };
}

function touched({ base, mine }: Draft, part: Part): boolean {
  return differs(mine, base, part);
}

function differs(one: Written, other: Written, part: Part): boolean {
  return JSON.stringify(one[part]) !== JSON.stringify(other[part]);
}

function changeOf(written: Written, parts: readonly Part[]): CallChange {
  const emptied = (text: string) => (text.trim() === "" ? null : text.trim());
  return {
    ...(parts.includes("caller_name") ? { caller_name: emptied(written.caller_name) } : {}),
    ...(parts.includes("tags") ? { tags: [...written.tags] } : {}),
    ...(parts.includes("notes") ? { notes: emptied(written.notes) } : {}),
  };
}
