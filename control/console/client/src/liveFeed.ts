/** Keeps the list of live calls up to date over a WebSocket that may break at any time. */

import { backoffMs } from "./backoff.ts";
import { Cell, type Live } from "./cell.ts";
import {
  EMPTY_LIST,
  type LiveList,
  type LiveMessage,
  atTime,
  nextChange,
  parseLiveMessage,
  withEvent,
  withSnapshot,
} from "./liveList.ts";
import { type Problem, problemIn } from "./problem.ts";

/** The part of a WebSocket that is used. */
export type Socket = Pick<WebSocket, "addEventListener" | "send" | "close" | "readyState">;

/** What a feed needs of its surroundings. */
export interface LiveFeedOptions {
  /** `wss://host/api/live`, without a query. */
  readonly url: string;
  /** Opens a socket. The token travels as a subprotocol, so that it stands in no log of addresses. */
  readonly open: (url: string, protocols: string[]) => Socket;
  /** A token that is good now. */
  readonly token: () => Promise<string>;
  /** Another token than this one, which control has refused. */
  readonly replace: (refused: string) => Promise<string>;
  /** Rejects with the reason when control cannot be asked. A socket that never opens does not say why. */
  readonly probe: () => Promise<unknown>;
}

/** An event as it came, for those who show more than the list. */
export type LiveEvent = LiveMessage & { kind: "event" };

const RETRY = { firstMs: 500, longestMs: 15_000 };
/** A ping this often, in ms: proxies close sockets that are silent for a minute. */
const PING_EVERY_MS = 10_000;
/** Nothing heard for this long, in ms: the connection is dead, whatever TCP thinks. */
const SILENT_MS = 25_000;
/** A socket has this long, in ms, to open and say its snapshot. */
const OPEN_WITHIN_MS = 10_000;
/** Close code: the token has run out. */
const TOKEN_EXPIRED = 4001;
/** Token renewals in a row, without a message between, that are taken for a bad token and not for bad luck. */
const MOST_RENEWALS = 3;
/** A hole in the events is asked for again at most this often, in ms. */
const RESYNC_EVERY_MS = 10_000;
/** `WebSocket.OPEN`. */
const OPEN = 1;
/** Longest message that is read, in UTF-16 units: 5000 calls of 1 kB, doubled. */
const LONGEST_MESSAGE = 10_000_000;

/** The live list, kept current from `start` to `stop`. */
export class LiveFeed {
  readonly list: Live<LiveList>;
  readonly #list = new Cell<LiveList>(EMPTY_LIST);
  readonly #options: LiveFeedOptions;
  readonly #watchers = new Set<(event: LiveEvent) => void>();
  #running = false;
  #socket: Socket | null = null;
  #heardAt = 0;
  #attempt = 0;
  #renewals = 0;
  #resyncedAt = -Infinity;
  #kept: string | null = null;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #watchTimer: ReturnType<typeof setInterval> | undefined;
  #rowTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.list = this.#list;
  }

  /** Connects, and stays connected. */
  readonly start = (): void => {
    if (this.#running) return;
    this.#running = true;
    void this.#connect(null);
  };

  /** Disconnects and forgets everything: the next person may not see what this one saw. */
  readonly stop = (): void => {
    this.#running = false;
    this.#drop();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#rowTimer);
    this.#attempt = 0;
    this.#kept = null;
    this.#list.set(EMPTY_LIST);
  };

  /** Tries again now instead of later: a person asked, or the network came back. */
  readonly retryNow = (): void => {
    if (!this.#running || this.#socket !== null) return;
    clearTimeout(this.#retryTimer);
    if (this.#list.get().feed.kind === "forbidden") this.#list.set(EMPTY_LIST);
    void this.#connect(null);
  };

  /** Keeps the row of this call although it has ended, because it is being looked at. */
  readonly keep = (callId: string | null): void => {
    this.#kept = callId;
    this.#set(this.#list.get());
  };

  /** Tells of each event, after the list has taken it. */
  readonly watch = (watcher: (event: LiveEvent) => void): (() => void) => {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  };

  async #connect(refused: string | null): Promise<void> {
    this.#drop();
    let token: string;
    try {
      token = await (refused === null ? this.#options.token() : this.#options.replace(refused));
    } catch (error) {
      if (this.#running) this.#failed(problemIn(error));
      return;
    }
    // Another attempt may have overtaken this one while it waited.
    if (!this.#running || this.#socket !== null) return;
    const { seq } = this.#list.get();
    const url = seq === null ? this.#options.url : `${this.#options.url}?since=${seq}`;
    const socket = this.#options.open(url, [`bearer.${token}`]);
    this.#socket = socket;
    let opened = false;
    let current = false;
    this.#heardAt = Date.now();
    const openTimer = setTimeout(() => socket.close(4000, "no snapshot"), OPEN_WITHIN_MS);
    const mine = () => this.#socket === socket;
    socket.addEventListener("open", () => {
      if (!mine()) return;
      opened = true;
      this.#watchTimer = setInterval(() => this.#beat(socket), PING_EVERY_MS);
    });
    socket.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (!mine() || typeof data !== "string" || data.length > LONGEST_MESSAGE) return;
      this.#heardAt = Date.now();
      const message = parseLiveMessage(data);
      if (message === null) return;
      if (!current && message.kind !== "pong") {
        current = true;
        clearTimeout(openTimer);
        this.#attempt = 0;
        this.#renewals = 0;
      }
      this.#take(message);
    });
    socket.addEventListener("close", ({ code }: CloseEvent) => {
      clearTimeout(openTimer);
      if (!mine()) return;
      this.#drop();
      if (code === TOKEN_EXPIRED && this.#renewals < MOST_RENEWALS) {
        this.#renewals += 1;
        void this.#connect(token);
      } else if (opened) {
        this.#failed({ kind: "unreachable" });
      } else {
        void this.#ask();
      }
    });
  }

  /** Why did the socket not open? Its event does not say; a plain request does. */
  async #ask(): Promise<void> {
    const problem = await this.#options.probe().then(
      (): Problem => ({ kind: "unreachable" }),
      (error: unknown) => problemIn(error),
    );
    if (this.#running && this.#socket === null) this.#failed(problem);
  }

  #take(message: LiveMessage): void {
    const now = Date.now();
    const list = this.#list.get();
    switch (message.kind) {
      case "pong":
        return;
      case "snapshot":
        this.#set(withSnapshot(list, message, now));
        return;
      case "event": {
        // Numbers have no holes: a hole means that something was lost on the way. Asked for once, not for ever.
        if (list.seq !== null && message.seq > list.seq + 1 && now - this.#resyncedAt > RESYNC_EVERY_MS) {
          this.#resyncedAt = now;
          void this.#connect(null);
          return;
        }
        const taken = withEvent(list, message, now);
        // With `?since=` the missed events may come without a snapshot before them.
        this.#set(
          taken.feed.kind === "current" || taken.seq === null
            ? taken
            : { ...taken, feed: { kind: "current" } },
        );
        if (taken !== list) for (const watcher of this.#watchers) watcher(message);
        return;
      }
    }
  }

  #failed(problem: Problem): void {
    const { feed, ...list } = this.#list.get();
    if (problem.kind === "forbidden") {
      this.#set({ ...list, rows: [], feed: { kind: "forbidden", detail: problem.detail } });
      return;
    }
    // The account itself brings a signed-out person to the sign-in form.
    if (problem.kind === "signed_out") return;
    const asked = "retryAfterSeconds" in problem ? (problem.retryAfterSeconds ?? 0) * 1000 : 0;
    const waitMs = Math.max(asked, backoffMs(this.#attempt, RETRY));
    this.#attempt += 1;
    const retryAt = Date.now() + waitMs;
    const since = feed.kind === "paused" ? feed.since : this.#heardAt;
    const known = list.seq !== null;
    this.#set({
      ...list,
      feed: known ? { kind: "paused", since, retryAt } : { kind: "unreachable", retryAt },
    });
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => void this.#connect(null), waitMs);
  }

  #beat(socket: Socket): void {
    if (Date.now() - this.#heardAt > SILENT_MS) {
      // A close handshake with a dead peer takes its time: do not wait for it.
      this.#drop();
      this.#failed({ kind: "unreachable" });
      return;
    }
    if (socket.readyState === OPEN) socket.send("ping");
  }

  #drop(): void {
    clearInterval(this.#watchTimer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  #set(list: LiveList): void {
    const now = Date.now();
    const fresh = atTime(list, now, this.#kept);
    this.#list.set(fresh);
    clearTimeout(this.#rowTimer);
    const next = nextChange(fresh, now);
    if (next !== null) this.#rowTimer = setTimeout(() => this.#set(this.#list.get()), next - now);
  }
}
