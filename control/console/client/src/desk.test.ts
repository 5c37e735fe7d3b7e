// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import { Cell } from "./cell.ts";
import type { Call } from "./contract.ts";
import { ListeningDesk } from "./desk.ts";
import { EMPTY_LIST, type LiveList } from "./liveList.ts";
import { FakeMonitor } from "./testing/fakeMonitor.ts";
import { makeCall } from "./testing/records.ts";

let list: Cell<LiveList>;
let made: FakeMonitor[];
let desk: ListeningDesk;

const show = (call: Call, leavesAt: number | null = null) =>
  list.set({ ...EMPTY_LIST, seq: 1, rows: [{ call, newUntil: null, leavesAt }] });
const first = (): FakeMonitor => {
  const [monitor] = made;
  if (monitor === undefined) throw new Error("nobody listens");
  return monitor;
};

beforeEach(() => {
  vi.useFakeTimers();
  list = new Cell<LiveList>(EMPTY_LIST);
  made = [];
  desk = new ListeningDesk(list, (callId) => {
    const monitor = new FakeMonitor(callId);
    made.push(monitor);
    return monitor;
  });
  show(makeCall());
  desk.listen("call_1");
  first().state.set({ kind: "live", reception: first().reception });
});

const media = (live: boolean) => ({ live, tracks: ["inbound", "outbound"], gateway: null });

test("one call at a time: the next one stops the one before", () => {
  desk.listen("call_2");
  expect(first().done).toEqual(["start", "stop"]);
  expect(desk.current.get()?.callId).toBe("call_2");
});

test("listening again to the same call keeps its monitor", () => {
  desk.listen("call_1");
  expect(made).toHaveLength(1);
  expect(first().done).toEqual(["start", "start"]);
});

test("a call that ends in the list ends the listening", () => {
  show(makeCall({ status: "completed" }));
  expect(first().state.get()).toEqual({ kind: "ended", callGoesOn: false });
});

test("a call that a snapshot no longer has ends the listening", () => {
  show(makeCall());
  show(makeCall(), 1000);
  expect(first().state.get()).toEqual({ kind: "ended", callGoesOn: false });
});

test("audio that stops ends the listening, and audio that comes back begins it again", () => {
  show(makeCall({ media: media(false) }));
  expect(first().state.get()).toEqual({ kind: "ended", callGoesOn: true });
  show(makeCall({ media: media(true) }));
  expect(first().done).toEqual(["start", "end", "start"]);
});

test("audio that comes back too late is not heard without a click", () => {
  show(makeCall({ media: media(false) }));
  vi.setSystemTime(Date.now() + 121_000);
  show(makeCall({ media: media(true) }));
  expect(first().done).toEqual(["start", "end"]);
});

test("audio that comes back after the person stopped stays silent", () => {
  desk.stop();
  show(makeCall({ media: media(false) }));
  show(makeCall({ media: media(true) }));
  expect(first().done.filter((word) => word === "start")).toHaveLength(1);
});

test("other calls do not matter", () => {
  show(makeCall({ id: "call_9", status: "completed" }));
  expect(first().done).toEqual(["start"]);
});

test("clear forgets the call", () => {
  desk.clear();
  expect(first().done).toEqual(["start", "stop"]);
  expect(desk.current.get()).toBeNull();
});
