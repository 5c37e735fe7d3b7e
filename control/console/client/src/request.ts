/** How the API is asked: an answer's data, or an `ApiError` that says what a person can do about it. */

import createClient, { type Client } from "openapi-fetch";
import type { Account } from "./account.ts";
import { ApiError, problemOf } from "./problem.ts";
import type { paths } from "./schema.ts";

/** Sends what the OpenAPI file describes. */
export type ApiClient = Client<paths>;

/** What a request becomes. */
type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** The control plane at `baseUrl`, as the person signed in at `account`. */
export function createApiClient(baseUrl: string, account: Pick<Account, "send">): ApiClient {
  return createClient<paths>({ baseUrl, fetch: account.send });
}

/** The data of an answer, or its problem thrown. */
export async function success<T>(answer: Answer<T>): Promise<NonNullable<T>> {
  const { data, error, response } = await answer.catch(rethrow);
  if (response.ok && data !== undefined && data !== null) return data;
  throw await failure(response, error);
}

/** Waits for an answer whose success says all: 204. */
export async function done(answer: Answer<unknown>): Promise<void> {
  const { error, response } = await answer.catch(rethrow);
  if (!response.ok) throw await failure(response, error);
}

/** The answer came, and is not what it should be. */
export function notUnderstood(): ApiError {
  return new ApiError({ kind: "refused", status: 200, detail: "The answer was not understood." });
}

/** An options object without a signal that is not there. */
export function maybe(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

async function failure(response: Response, error: unknown): Promise<ApiError> {
  // openapi-fetch has read the body: a copy of it is read once more for the problem.
  const copy = new Response(JSON.stringify(error ?? null), {
    status: response.status < 200 || response.status === 204 ? 500 : response.status,
    headers: response.headers,
  });
  return new ApiError(await problemOf(copy));
}

function rethrow(error: unknown): never {
  if (error instanceof ApiError) throw error;
  if (error instanceof DOMException && error.name === "AbortError") throw error;
  throw new ApiError({ kind: "unreachable" }, { cause: error });
}
