import type { Call } from "@partyline/client/contract";
import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole } from "../testing/renderConsole.tsx";

let parts: Parts;
const over = (id: string, changes: Partial<Call> = {}) =>
  makeCall({
    id,
    status: "completed",
    ended_at: "2026-11-20T12:01:00Z",
    media: { live: false, tracks: [], gateway: null },
    ...changes,
  });
const ada = over("call_1", { caller_name: "Ada Byron", tags: ["refund"], is_urgent: true });
const bob = over("call_2", { caller_name: "Bob", is_handled: true });

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.answers.pages = { "": { calls: [ada, bob], next: null } };
  parts.answers.stats = {
    total: 1234,
    today: 12,
    active: 1,
    needs_attention: 3,
    average_duration_seconds: 215.4,
  };
});

const settle = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));
async function open(address = "/records") {
  const page = await renderConsole(parts, address);
  await settle();
  return page;
}
const rows = () => within(screen.getByRole("list", { name: "Records" })).getAllByRole("listitem");
const lists = () => parts.done.filter((done) => done.startsWith("list ") && !done.includes("+1415"));
const searchOf = (router: Awaited<ReturnType<typeof open>>["router"]) => router.state.location.search;

test("a record says who, with whom, when, for how long and what is left to do", async () => {
  await open();
  expect(rows()).toHaveLength(2);
  const [first, second] = rows().map((row) => row.textContent);
  expect(first).toContain("Ada Byron");
  expect(first).toContain("Today");
  expect(first).toContain("1:00");
  expect(first).toContain("Urgent");
  expect(first).toContain("Needs attention");
  expect(first).toContain("refund");
  expect(second).toContain("Handled");
  expect(second).not.toContain("Needs attention");
});

test("four figures stand over the list, and the third leads to what it counts", async () => {
  const { router } = await open();
  const figures = screen.getAllByRole("definition").map((figure) => figure.textContent);
  expect(figures).toEqual(["1,234", "12", "3", "3:35"]);
  await act(async () => {
    fireEvent.click(screen.getByRole("link", { name: "3" }));
    await vi.advanceTimersByTimeAsync(0);
  });
  expect(searchOf(router)).toEqual({ show: "attention" });
});

test("filters stand in the address, and the address sets the filters", async () => {
  const { router } = await open("/records?show=handled&outcome=busy");
  expect(screen.getByRole<HTMLInputElement>("radio", { name: "Handled" }).checked).toBe(true);
  expect(screen.getByRole<HTMLSelectElement>("combobox", { name: "Outcome" }).value).toBe("busy");
  expect(lists().at(-1)).toBe('list {"status":"busy","handled":true}');
  await act(async () => {
    fireEvent.click(screen.getByRole("checkbox", { name: "Urgent only" }));
    await vi.advanceTimersByTimeAsync(0);
  });
  expect(searchOf(router)).toEqual({ show: "handled", outcome: "busy", urgent: true });
  expect(lists().at(-1)).toBe('list {"status":"busy","handled":true,"urgent":true}');
  await act(async () => {
    fireEvent.click(screen.getByRole("button", { name: "Clear" }));
    await vi.advanceTimersByTimeAsync(0);
  });
  expect(searchOf(router)).toEqual({ show: "handled" });
});

test("what is typed is searched for when the typing pauses", async () => {
  const { router } = await open();
  fireEvent.keyDown(document.body, { key: "/" });
  const search = screen.getByRole("searchbox", { name: "Search records" });
  expect(document.activeElement).toBe(search);
  fireEvent.change(search, { target: { value: "re" } });
  await settle(200);
  fireEvent.change(search, { target: { value: "refund " } });
  await settle(299);
  expect(lists()).toHaveLength(1);
  await settle(2);
  expect(searchOf(router)).toEqual({ q: "refund" });
  expect(lists().at(-1)).toBe('list {"q":"refund"}');
  fireEvent.keyDown(search, { key: "Escape" });
  await settle(301);
  expect(searchOf(router)).toEqual({});
});

test("older calls come when they are asked for, until there are no more", async () => {
  parts.answers.pages = {
    "": { calls: [ada], next: "c1" },
    c1: { calls: [bob], next: null },
  };
  await open();
  expect(rows()).toHaveLength(1);
  fireEvent.click(screen.getByRole("button", { name: "Older calls" }));
  await settle();
  expect(lists().at(-1)).toBe('list {"cursor":"c1"}');
  expect(rows()).toHaveLength(2);
  expect(screen.queryByRole("button", { name: "Older calls" })).toBeNull();
  expect(screen.getByText("2 calls, no more.")).toBeTruthy();
});

test("loading, nothing, nothing that matches, and a problem each say so", async () => {
  parts.answers.pages = { "": null };
  const { unmount } = await open();
  expect(screen.getByText("Loading the records")).toBeTruthy();
  unmount();
  parts.answers.pages = { "": { calls: [], next: null } };
  const empty = await open();
  expect(screen.getByText("No calls yet")).toBeTruthy();
  empty.unmount();
  const { router, unmount: leave } = await open("/records?q=nobody");
  fireEvent.click(screen.getByRole("button", { name: "Clear filters" }));
  await settle();
  expect(searchOf(router)).toEqual({});
  leave();
  parts.answers.pages = { "": { kind: "refused", status: 400, detail: "no such status" } };
  await open();
  expect(screen.getByRole("alert").textContent).toContain("No such status.");
  parts.answers.pages = { "": { calls: [ada], next: null } };
  fireEvent.click(screen.getByRole("button", { name: "Try again" }));
  await settle();
  expect(rows()).toHaveLength(1);
});

test("without a connection the records stay, and say how old they are", async () => {
  await open();
  parts.show([], { kind: "paused", since: Date.now(), retryAt: null });
  expect(screen.getByText(/No connection: records as of/)).toBeTruthy();
  expect(rows()).toHaveLength(2);
});

test("what happens to a listed call is shown at once, and new calls wait to be asked for", async () => {
  await open();
  const told = { kind: "event", seq: 2, callId: "call_1", data: {} } as const;
  parts.tell({ ...told, type: "call.updated", call: { ...ada, is_handled: true } });
  await settle();
  expect(rows()[0]?.textContent).toContain("Handled");
  const fresh = makeCall({ id: "call_9", caller_name: "Carol" });
  parts.tell({ ...told, seq: 3, type: "call.incoming", callId: "call_9", call: fresh });
  expect(rows()).toHaveLength(2);
  parts.answers.pages = { "": { calls: [fresh, ada, bob], next: null } };
  fireEvent.click(screen.getByRole("button", { name: "1 new call" }));
  await settle();
  expect(rows()).toHaveLength(3);
  expect(screen.getByRole("button", { name: "Refresh" })).toBeTruthy();
});

test("J and K move along the records, Escape closes the open one and keeps the filters", async () => {
  parts.answers.call = ada;
  const { router } = await open("/records/call_1?show=attention");
  expect(screen.getByRole("heading", { level: 2, name: "Ada Byron" })).toBeTruthy();
  fireEvent.keyDown(document.body, { key: "j" });
  expect(document.activeElement?.getAttribute("data-row")).toBe("call_2");
  expect(document.activeElement?.getAttribute("href")).toBe("/records/call_2?show=attention");
  fireEvent.keyDown(document.body, { key: "Escape" });
  await settle();
  expect(router.state.location.pathname).toBe("/records");
  expect(searchOf(router)).toEqual({ show: "attention" });
});

test("while a call is heard, Escape stops it and leaves the record open", async () => {
  parts.answers.call = ada;
  const { router } = await open("/records/call_1");
  parts.listening({ kind: "connecting" }, "call_7");
  fireEvent.keyDown(document.body, { key: "Escape" });
  await settle();
  expect(parts.done).toContain("stop");
  expect(router.state.location.pathname).toBe("/records/call_1");
});
