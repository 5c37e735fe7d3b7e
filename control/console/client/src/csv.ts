/** A list of calls as one file, of however many control makes it. */

import { ApiError, problemOf } from "./problem.ts";

/** Sends a request as the person who is signed in. */
export type Send = (request: Request) => Promise<Response>;

/** A file to be saved. */
export interface CallFile {
  readonly blob: Blob;
  /** Whether all calls are in it: a list may be longer than any table program opens. */
  readonly isWhole: boolean;
}

/** Most files that are asked for one after another, of 5000 calls each. */
const MOST_FILES = 20;

/** The calls of this address, whose `Link` leads from file to file (RFC 8288). The header row stands once. */
export async function readCsv(url: string, send: Send, signal?: AbortSignal): Promise<CallFile> {
  const parts: string[] = [];
  let next: string | null = url;
  while (next !== null && parts.length < MOST_FILES) {
    const request = new Request(next, { cache: "no-store", ...(signal === undefined ? {} : { signal }) });
    const answer = await send(request);
    if (!answer.ok) throw new ApiError(await problemOf(answer));
    const text = await answer.text();
    parts.push(parts.length === 0 ? text : withoutHeader(text));
    next = nextOf(answer.headers.get("link"), next);
  }
  return { blob: new Blob(parts, { type: "text/csv;charset=utf-8" }), isWhole: next === null };
}

/** The address of the next file; null when there is none, or it is not where the first one was. */
export function nextOf(link: string | null, base: string): string | null {
  for (const part of (link ?? "").split(/,\s*(?=<)/)) {
    const [, target, parameters = ""] = /^\s*<([^>]*)>(.*)$/.exec(part) ?? [];
    if (target === undefined || !/;\s*rel="?next"?\s*(;|$)/.test(parameters)) continue;
    const url = URL.canParse(target, base) ? new URL(target, base) : null;
    // The token is for control alone.
    return url !== null && url.origin === new URL(base).origin ? url.href : null;
  }
  return null;
}

function withoutHeader(text: string): string {
  const end = text.indexOf("\n");
  return end < 0 ? "" : text.slice(end + 1);
}
