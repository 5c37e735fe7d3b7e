/** What the API knows of calls. */

import type {
  Analytics,
  AnalyticsQuery,
  Call,
  CallChange,
  CallEvent,
  CallQuery,
  CallStats,
  Hearing,
  SessionGrant,
  TranscriptLine,
} from "./contract.ts";
import { type CallFile, readCsv } from "./csv.ts";
import { readPdf } from "./pdf.ts";
import { isCall } from "./liveList.ts";
import { type ApiClient, done, maybe, notUnderstood, success } from "./request.ts";
import type { OpenTranscript } from "./transcript.ts";

/** Calls: those that go on, and the records of all. */
export interface CallsApi {
  /** Calls that go on now. */
  activeCalls(signal?: AbortSignal): Promise<Call[]>;
  /** One call, also one that is over. */
  call(id: string, signal?: AbortSignal): Promise<Call>;
  /** What happened to it, oldest first. */
  callEvents(id: string, signal?: AbortSignal): Promise<CallEvent[]>;
  /** One page of records, newest first. */
  callPage(query: CallQuery, signal?: AbortSignal): Promise<CallRecords>;
  /** Figures of all calls. */
  callStats(signal?: AbortSignal): Promise<CallStats>;
  /** Changes a record; what is left out stays. The record as it is then. */
  changeCall(id: string, change: CallChange): Promise<Call>;
  /** Deletes the record of a call that is over, for good. */
  deleteCall(id: string): Promise<void>;
  /** The records that a list has, as a file: for a table program, or of the newest 500 to be read. */
  exportCalls(query: CallQuery, format: "csv" | "pdf", signal?: AbortSignal): Promise<CallFile>;
  /** A call's record with what was said, as a PDF. */
  exportCall(id: string, signal?: AbortSignal): Promise<Blob>;
  /** Figures over a time. */
  analytics(query: AnalyticsQuery, signal?: AbortSignal): Promise<Analytics>;
  /** Who hears it now, and how well. */
  listeners(id: string, signal?: AbortSignal): Promise<Hearing[]>;
  /** What was said, oldest first. */
  transcript(id: string, signal?: AbortSignal): Promise<TranscriptLine[]>;
  /** What is said, as a stream of events. */
  openTranscript(id: string, ...behind: Parameters<OpenTranscript>): Promise<Response>;
  /** Leave to listen, good for one connection that opens within a minute. */
  openSession(id: string, signal?: AbortSignal): Promise<SessionGrant>;
}

/** A page of records. */
export interface CallRecords {
  /** Newest first. */
  readonly calls: readonly Call[];
  /** Where the next page begins; null when this is the last. */
  readonly next: string | null;
}

/** Events come in pages of this many. */
const PAGE = 1000;
/** Most pages that are asked for one after another. */
const MOST_PAGES = 5;

/** How a stream is opened, which is no answer in one piece. */
interface Streams {
  readonly baseUrl: string;
  readonly send: (request: Request) => Promise<Response>;
}

/** Calls, asked for with this client. */
export function callsApi(client: ApiClient, { baseUrl, send }: Streams): CallsApi {
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
    async callPage(query, signal) {
      let next: string | null = query.cursor ?? null;
      // A page of a rare filter may be empty and still not be the last.
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const params = { query: next === null ? query : { ...query, cursor: next } };
        const answer = await success(client.GET("/api/calls", { params, ...maybe(signal) }));
        const calls = answer.calls.filter(isCall);
        next = answer.next_cursor ?? null;
        if (calls.length > 0 || next === null) return { calls, next };
      }
      return { calls: [], next };
    },
    async callStats(signal) {
      return success(client.GET("/api/calls/stats", { ...maybe(signal) }));
    },
    async changeCall(id, body) {
      return whole(await success(client.PATCH("/api/calls/{id}", { params: { path: { id } }, body })));
    },
    async deleteCall(id) {
      return done(client.DELETE("/api/calls/{id}", { params: { path: { id } } }));
    },
    exportCalls(query, format, signal) {
      const search = new URLSearchParams({ format });
      for (const [name, value] of Object.entries(query)) {
        // A file has a length of its own, and begins where the list does.
        if (name !== "limit" && name !== "cursor" && value !== undefined && value !== null)
          search.set(name, String(value));
      }
      const url = `${baseUrl}/api/calls/export?${search}`;
      return format === "csv" ? readCsv(url, send, signal) : readPdf(url, send, signal);
    },
    async exportCall(id, signal) {
      const url = `${baseUrl}/api/calls/${encodeURIComponent(id)}/export?format=pdf`;
      return (await readPdf(url, send, signal)).blob;
    },
    async analytics(query, signal) {
      return success(client.GET("/api/calls/analytics", { params: { query }, ...maybe(signal) }));
    },
    async listeners(id, signal) {
      const answer = client.GET("/api/calls/{id}/listeners", {
        params: { path: { id } },
        ...maybe(signal),
      });
      return (await success(answer)).listeners;
    },
    async transcript(id, signal) {
      const lines: TranscriptLine[] = [];
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const params = { path: { id }, query: { after: lines.at(-1)?.id ?? 0 } };
        const answer = client.GET("/api/calls/{id}/transcript", { params, ...maybe(signal) });
        const said = await success(answer);
        // It is a stream only when it is asked for as one.
        const more = typeof said === "string" ? [] : said.lines;
        lines.push(...more);
        if (more.length < PAGE) break;
      }
      return lines;
    },
    openTranscript(id, lastEventId, signal) {
      const headers = new Headers({ accept: "text/event-stream" });
      if (lastEventId !== null) headers.set("last-event-id", lastEventId);
      const url = `${baseUrl}/api/calls/${encodeURIComponent(id)}/transcript`;
      return send(new Request(url, { headers, signal, cache: "no-store" }));
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
  throw notUnderstood();
}
