// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import type { Call } from "./contract.ts";
import { type LiveEvent, LiveFeed } from "./liveFeed.ts";
import { ENDED_FOR_MS, NEW_FOR_MS } from "./liveList.ts";
import { ApiError, type Problem } from "./problem.ts";
import { FakeSocket } from "./testing/fakeSocket.ts";
import { makeCall } from "./testing/records.ts";

const AT = "2026-11-20T12:00:00Z";
let sockets: FakeSocket[];
let feed: LiveFeed;
let tokens: string[];
let problem: Problem | null;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse(AT) });
  vi.spyOn(Math, "random").mockReturnValue(1);
  sockets = [];
  tokens = ["one"];
  problem = null;
  feed = new LiveFeed({
    url: "ws://control/api/live",
    open: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      sockets.push(socket);
      return socket.asSocket();
    },
    token: () => Promise.resolve(tokens.at(-1) ?? ""),
    replace: (refused) => {
      tokens.push(`${refused}+`);
      return Promise.resolve(`${refused}+`);
    },
    probe: () => (problem === null ? Promise.resolve([]) : Promise.reject(new ApiError(problem))),
  });
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const last = (): FakeSocket => {
  const socket = sockets.at(-1);
  if (socket === undefined) throw new Error("no socket was opened");
  return socket;
};
const ids = () => feed.list.get().rows.map((row) => row.call.id);
const kind = () => feed.list.get().feed.kind;
const snapshot = (seq: number, calls: Call[]) => ({ type: "snapshot", seq, at: AT, calls });
const event = (seq: number, type: string, call: Call) => ({ type, seq, at: AT, call_id: call.id, call });

async function started(calls: Call[] = [makeCall()], seq = 10): Promise<void> {
  feed.start();
  await settle();
  last().accept();
  last().say(snapshot(seq, calls));
}

test("the snapshot is the list, with the token in the protocol and not in the address", async () => {
  feed.start();
  expect(kind()).toBe("loading");
  await started();
  expect(ids()).toEqual(["call_1"]);
  expect(kind()).toBe("current");
  expect(last().url).toBe("ws://control/api/live");
  expect(last().protocols).toEqual(["bearer.one"]);
});

test("a new call comes first, marked as new for a while", async () => {
  await started();
  last().say(event(11, "call.incoming", makeCall({ id: "call_2", started_at: "2026-11-20T12:00:09Z" })));
  expect(ids()).toEqual(["call_2", "call_1"]);
  expect(feed.list.get().rows.map((row) => row.newUntil !== null)).toEqual([true, false]);
  await vi.advanceTimersByTimeAsync(NEW_FOR_MS);
  expect(feed.list.get().rows.map((row) => row.newUntil !== null)).toEqual([false, false]);
});

test("an event replaces its row and nothing else", async () => {
  await started([makeCall(), makeCall({ id: "call_0" })]);
  const [, other] = feed.list.get().rows;
  last().say(event(11, "call.updated", makeCall({ listeners: 3 })));
  expect(feed.list.get().rows[0]?.call.listeners).toBe(3);
  expect(feed.list.get().rows[1]).toBe(other);
});

test("an ended call stays for ten seconds at least, then goes", async () => {
  await started();
  last().say(event(11, "call.ended", makeCall({ status: "completed" })));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(ids()).toEqual(["call_1"]);
  await vi.advanceTimersByTimeAsync(ENDED_FOR_MS - 10_000);
  expect(ids()).toEqual([]);
});

test("an ended call that is looked at stays until it is not", async () => {
  await started();
  feed.keep("call_1");
  last().say(event(11, "call.ended", makeCall({ status: "completed" })));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ids()).toEqual(["call_1"]);
  feed.keep(null);
  expect(ids()).toEqual([]);
});

test("an event that came before changes nothing", async () => {
  await started();
  const before = feed.list.get();
  last().say(event(10, "call.ended", makeCall({ status: "completed" })));
  expect(feed.list.get()).toBe(before);
});

test("nonsense is no reason to stop", async () => {
  await started();
  last().dispatchEvent(Object.assign(new Event("message"), { data: "{" }));
  last().say({ type: "node.changed", seq: 11 });
  last().say({ type: "call.updated", seq: "x", call_id: "call_1" });
  last().say(event(11, "call.updated", makeCall({ listeners: 1 })));
  expect(feed.list.get().rows[0]?.call.listeners).toBe(1);
  expect(sockets).toHaveLength(1);
});

test("after a loss the rows stay, the age is known, and the next socket asks for what was missed", async () => {
  await started();
  await vi.advanceTimersByTimeAsync(3000);
  last().drop();
  const since = Date.parse(AT);
  expect(feed.list.get().feed).toEqual({ kind: "paused", since, retryAt: since + 3500 });
  expect(ids()).toEqual(["call_1"]);
  await vi.advanceTimersByTimeAsync(500);
  expect(last().url).toBe("ws://control/api/live?since=10");
  last().accept();
  last().say(snapshot(10, [makeCall({ listeners: 2 })]));
  expect(kind()).toBe("current");
});

test("a call that the new snapshot lacks has ended meanwhile; one that it brings is new", async () => {
  await started();
  last().drop();
  await vi.advanceTimersByTimeAsync(500);
  last().accept();
  last().say(snapshot(20, [makeCall({ id: "call_2", started_at: "2026-11-20T12:00:05Z" })]));
  const rows = feed.list
    .get()
    .rows.map(({ call, newUntil, leavesAt }) => [call.id, newUntil !== null, leavesAt !== null]);
  expect(rows).toEqual([
    ["call_2", true, false],
    ["call_1", false, true],
  ]);
  await vi.advanceTimersByTimeAsync(ENDED_FOR_MS);
  expect(ids()).toEqual(["call_2"]);
});

test("retries wait longer each time, up to fifteen seconds", async () => {
  await started();
  last().drop();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const { feed: state } = feed.list.get();
    if (state.kind !== "paused" || state.retryAt === null) throw new Error(state.kind);
    waits.push(state.retryAt - Date.now());
    await vi.advanceTimersByTimeAsync(state.retryAt - Date.now());
    last().drop();
    await settle();
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test("a lost number is asked for again, once", async () => {
  await started();
  last().say(event(12, "call.updated", makeCall({ listeners: 2 })));
  await settle();
  expect(sockets).toHaveLength(2);
  expect(last().url).toBe("ws://control/api/live?since=10");
  last().accept();
  last().say(snapshot(10, [makeCall()]));
  last().say(event(12, "call.updated", makeCall({ listeners: 2 })));
  await settle();
  expect(sockets).toHaveLength(2);
  expect(feed.list.get().rows[0]?.call.listeners).toBe(2);
});

test("an expired token is replaced without a pause", async () => {
  await started();
  const seen: string[] = [];
  feed.list.subscribe(() => seen.push(kind()));
  last().drop(4001);
  await settle();
  expect(last().protocols).toEqual(["bearer.one+"]);
  last().accept();
  last().say(snapshot(10, [makeCall()]));
  expect(seen).not.toContain("paused");
});

test("a token that is refused again and again is no bad luck", async () => {
  await started();
  for (let round = 0; round < 4; round += 1) {
    last().drop(4001);
    await settle();
  }
  expect(sockets).toHaveLength(4);
  expect(kind()).toBe("paused");
});

test("a socket that says nothing is dead after 25 seconds; a pong keeps it alive", async () => {
  await started();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(last().sent).toEqual(["ping", "ping"]);
  last().say({ type: "pong" });
  await vi.advanceTimersByTimeAsync(20_000);
  expect(kind()).toBe("current");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kind()).toBe("paused");
});

test("a socket that opens and says no snapshot is given up", async () => {
  feed.start();
  await settle();
  last().accept();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(kind()).toBe("unreachable");
});

test("who may not see calls is told so, and control is left in peace", async () => {
  problem = { kind: "forbidden", detail: "Agents see their own calls." };
  feed.start();
  await settle();
  last().drop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(feed.list.get().feed).toEqual({ kind: "forbidden", detail: "Agents see their own calls." });
  expect(sockets).toHaveLength(1);
  feed.retryNow();
  await settle();
  expect(sockets).toHaveLength(2);
});

test("control that asks for patience gets it", async () => {
  problem = { kind: "too_many", retryAfterSeconds: 10 };
  feed.start();
  await settle();
  last().drop();
  await vi.advanceTimersByTimeAsync(9900);
  expect(sockets).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(sockets).toHaveLength(2);
});

test("after stop nothing is left, and nothing is tried", async () => {
  await started();
  feed.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(ids()).toEqual([]);
  expect(sockets).toHaveLength(1);
});

test("watchers hear of each event once", async () => {
  await started();
  const heard: LiveEvent[] = [];
  const leave = feed.watch((one) => heard.push(one));
  last().say(event(11, "call.updated", makeCall()));
  last().say(event(11, "call.updated", makeCall()));
  leave();
  last().say(event(12, "call.updated", makeCall()));
  expect(heard.map((one) => one.seq)).toEqual([11]);
});

test("durations are counted by the server's clock", async () => {
  vi.setSystemTime(Date.parse(AT) - 5000);
  await started();
  expect(feed.list.get().clockOffsetMs).toBe(5000);
});
