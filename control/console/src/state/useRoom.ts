import { useMatchRoute } from "@tanstack/react-router";
import { paths } from "../paths.ts";

/** Where the page of a call stands: beside the live list, or beside the records. */
export interface Room {
  readonly list: typeof paths.calls | typeof paths.records;
  readonly call: typeof paths.call | typeof paths.record;
  readonly isRecords: boolean;
}

const LIVE: Room = { list: paths.calls, call: paths.call, isRecords: false };
const RECORDS: Room = { list: paths.records, call: paths.record, isRecords: true };

/** The room that one is in. */
export function useRoom(): Room {
  return useMatchRoute()({ to: paths.records, fuzzy: true }) === false ? LIVE : RECORDS;
}
