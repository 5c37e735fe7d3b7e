/** Calls as a PDF, as control makes it. */

import { type Send, nextOf } from "./csv.ts";
import { ApiError, problemOf } from "./problem.ts";

/** The PDF of this address, and whether its list has no more calls than are in it. */
export async function readPdf(
  url: string,
  send: Send,
  signal?: AbortSignal,
): Promise<{ blob: Blob; isWhole: boolean }> {
  const answer = await send(
    new Request(url, { cache: "no-store", ...(signal === undefined ? {} : { signal }) }),
  );
  if (!answer.ok) throw new ApiError(await problemOf(answer));
  return { blob: await answer.blob(), isWhole: nextOf(answer.headers.get("link"), url) === null };
}
