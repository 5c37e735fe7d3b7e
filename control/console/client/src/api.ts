/** The API as functions. Each rejects with an `ApiError` that says what a person can do about it. */

import createClient from "openapi-fetch";
import type { Account } from "./account.ts";
import type { Call, CallEvent, Hearing, SessionGrant } from "./contract.ts";
import { isCall } from "./liveList.ts";
import { ApiError, problemOf } from "./problem.ts";
import type { paths } from "./schema.ts";

/** What the console asks of control. */
export interface Api {
  /** Calls that go on now. */
  activeCalls(signal?: AbortSignal): Promise<Call[]>;
  /** One call, also one that is over. */
  call(id: string, signal?: AbortSignal): Promise<Call>;
  /** What happened to it, oldest first. */
  callEvents(id: string, signal?: AbortSignal): Promise<CallEvent[]>;
  /** Who hears it now, and how well. */
  listeners(id: string, signal?: AbortSignal): Promise<Hearing[]>;
  /** Leave to listen, good for one connection that opens within a minute. */
  openSession(id: string, signal?: AbortSignal): Promise<SessionGrant>;
}

/** Events come in pages of this many. */
const PAGE = 1000;
/** Most pages of events that are asked for: a person reads no more. */
const MOST_PAGES = 5;

/** The API of the control plane at `baseUrl`, as the person signed in at `account`. */
export function createApi(baseUrl: string, account: Account): Api {
  const client = createClient<paths>({ baseUrl, fetch: account.send });
  return {
    async activeCalls(signal) {
      const answer = client.GET("/api/calls/active", { ...maybe(signal) });
      return (await success(answer)).calls.filter(isCall);
    },
    async call(id, signal) {
      return whole(
        await success(client.GET("/api/calls/{id}", { params: { path: { id } }, ...maybe(signal) })),
      );
    },
    async callEvents(id, signal) {
      const events: CallEvent[] = [];
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const after = events.at(-1)?.seq ?? 0;
        const params = { path: { id }, query: { after } };
        const answer = client.GET("/api/calls/{id}/events", { params, ...maybe(signal) });
        const more = (await success(answer)).events;
        events.push(...more);
        if (more.length < PAGE) break;
      }
      return events;
    },
    async listeners(id, signal) {
      const answer = client.GET("/api/calls/{id}/listeners", {
        params: { path: { id } },
        ...maybe(signal),
      });
      return (await success(answer)).listeners;
    },
    async openSession(id, signal) {
      const body = { mode: "listen" } as const;
      const request = { params: { path: { id } }, body, ...maybe(signal) };
      return success(client.POST("/api/calls/{id}/sessions", request));
    },
  };
}

/** The record, if it is one. */
function whole(record: unknown): Call {
  if (isCall(record)) return record;
  throw new ApiError({ kind: "refused", status: 200, detail: "The answer was not understood." });
}

/** The data of an answer, or its problem thrown. */
async function success<T>(
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<NonNullable<T>> {
  // openapi-fetch reads the body: a copy of an unread answer is kept for the problem.
  const { data, error, response } = await answer.catch(rethrow);
  if (response.ok && data !== undefined && data !== null) return data;
  const copy = new Response(JSON.stringify(error ?? null), {
    status: response.status < 200 ? 500 : response.status,
    headers: response.headers,
  });
  throw new ApiError(await problemOf(copy));
}

function rethrow(error: unknown): never {
  if (error instanceof ApiError) throw error;
  if (error instanceof DOMException && error.name === "AbortError") throw error;
  throw new ApiError({ kind: "unreachable" }, { cause: error });
}

function maybe(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
