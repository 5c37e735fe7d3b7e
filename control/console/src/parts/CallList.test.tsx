import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";
import { changes } from "./Announcer.tsx";

let parts: Parts;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
});

const rows = () => screen.queryAllByRole("listitem");
const ada = makeCall({ caller_name: "Ada Byron", listeners: 2 });
const bob = makeCall({ id: "call_2", caller_name: "Bob", customer_number: "+14155550199" });

test("a row is a sentence: who, with whom, how long, how many listen", async () => {
  await renderConsole(parts);
  parts.show([rowOf(ada)]);
  const link = within(rows()[0] ?? document.body).getByRole("link");
  expect(link.textContent.replaceAll(/\s+/g, " ")).toContain(
    "Ada Byron+1 415 555 0101 with +1 206 555 0100, live, 2:10, 2 listening",
  );
  expect(link.getAttribute("href")).toBe("/calls/call_1");
});

test("durations tick without anything else being told", async () => {
  await renderConsole(parts);
  parts.show([rowOf(ada)]);
  await act(() => vi.advanceTimersByTimeAsync(2000));
  expect(screen.getByText("2:12")).toBeTruthy();
});

test("durations are counted by the server's clock", async () => {
  await renderConsole(parts);
  act(() => parts.list.set({ ...parts.list.get(), rows: [rowOf(ada)], clockOffsetMs: 60_000 }));
  expect(screen.getByText("3:10")).toBeTruthy();
});

test("no calls: what will appear here, and how to make one", async () => {
  await renderConsole(parts);
  expect(screen.getByText("All quiet")).toBeTruthy();
  expect(screen.getByText(/partyline call --to/)).toBeTruthy();
});

test("loading, unreachable and forbidden each say so", async () => {
  await renderConsole(parts);
  parts.show([], { kind: "loading" });
  expect(screen.getByText("Loading live calls")).toBeTruthy();
  parts.show([], { kind: "unreachable", retryAt: Date.now() + 4000 });
  expect(screen.getByText("Trying again in 4 s.")).toBeTruthy();
  fireEvent.click(screen.getByRole("button", { name: "Try now" }));
  expect(parts.done).toContain("retry");
  parts.show([], { kind: "forbidden", detail: "" });
  expect(screen.getByRole("alert").textContent).toContain("You may not see live calls");
});

test("a paused list keeps its rows, and says how old they are", async () => {
  await renderConsole(parts);
  parts.show([rowOf(ada)], { kind: "paused", since: Date.now() - 12_000, retryAt: null });
  expect(screen.getByText("Live list paused, 12 s old, reconnecting")).toBeTruthy();
  expect(rows()).toHaveLength(1);
  await act(() => vi.advanceTimersByTimeAsync(1000));
  expect(screen.getByText("Live list paused, 13 s old, reconnecting")).toBeTruthy();
});

test("a new call is marked, an ended one is greyed and says so", async () => {
  await renderConsole(parts);
  const gone = { ...bob, status: "completed" } as const;
  parts.show([rowOf(ada, { newUntil: Date.now() + 4000 }), rowOf(gone, { leavesAt: Date.now() + 9000 })]);
  const [first, second] = rows();
  expect(first?.dataset["new"]).toBe("true");
  expect(first?.textContent).toContain("New");
  expect(second?.dataset["over"]).toBe("true");
  expect(second?.textContent).toContain("Ended");
});

test("figures count what goes on", async () => {
  await renderConsole(parts);
  const ringing = makeCall({ id: "call_3", status: "incoming" });
  const gone = makeCall({ id: "call_4", status: "completed" });
  parts.show([rowOf(ada), rowOf(bob), rowOf(ringing), rowOf(gone, { leavesAt: Date.now() + 9000 })]);
  const figures = screen.getAllByRole("definition").map((figure) => figure.textContent);
  expect(figures.slice(0, 3)).toEqual(["2", "1", "1"]);
});

test("slash goes to the search, and Escape clears it without stopping the call that is heard", async () => {
  await renderConsole(parts);
  parts.show([rowOf(ada), rowOf(bob)]);
  parts.listening({ kind: "connecting" });
  fireEvent.keyDown(document.body, { key: "/" });
  const search = screen.getByRole("searchbox", { name: "Search live calls" });
  expect(document.activeElement).toBe(search);
  fireEvent.change(search, { target: { value: "0199" } });
  expect(rows()).toHaveLength(1);
  fireEvent.change(search, { target: { value: "nobody" } });
  expect(screen.getByText("No live call matches “nobody”.")).toBeTruthy();
  fireEvent.keyDown(search, { key: "Escape" });
  expect(rows()).toHaveLength(2);
  expect(parts.done).not.toContain("stop");
});

test("J and K move along the rows, and not while somebody types", async () => {
  await renderConsole(parts);
  parts.show([rowOf(ada), rowOf(bob)]);
  const focused = () => document.activeElement?.getAttribute("data-row");
  fireEvent.keyDown(document.body, { key: "j" });
  expect(focused()).toBe("call_1");
  fireEvent.keyDown(document.activeElement ?? document.body, { key: "J" });
  expect(focused()).toBe("call_2");
  fireEvent.keyDown(document.activeElement ?? document.body, { key: "k" });
  expect(focused()).toBe("call_1");
  const search = screen.getByRole("searchbox");
  search.focus();
  fireEvent.keyDown(search, { key: "j" });
  expect(document.activeElement).toBe(search);
});

test("Enter on the row of the open call listens to it", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.show([rowOf(ada)]);
  fireEvent.keyDown(within(rows()[0] ?? document.body).getByRole("link"), { key: "Enter" });
  expect(parts.done).toContain("listen call_1");
});

test("single keys can be turned off, but for Escape", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.show([rowOf(ada)]);
  act(() => parts.partyline.preferences.change({ singleKeys: false }));
  fireEvent.keyDown(document.body, { key: "l" });
  expect(parts.done).not.toContain("listen call_1");
  parts.listening({ kind: "connecting" });
  fireEvent.keyDown(document.body, { key: "Escape" });
  expect(parts.done).toContain("stop");
});

test("what comes from the phone network is text, whatever it looks like", async () => {
  await renderConsole(parts);
  const name = "<img src=x onerror=alert(1)>";
  parts.show([rowOf(makeCall({ caller_name: name }))]);
  expect(screen.getByText(name)).toBeTruthy();
  expect(document.querySelector("img")).toBeNull();
});

test("changes are read aloud together, not one by one", async () => {
  await renderConsole(parts);
  parts.show([rowOf(ada)]);
  await act(() => vi.advanceTimersByTimeAsync(5000));
  expect(screen.getByRole("log").textContent).toBe("1 new call");
  parts.show([rowOf(bob), rowOf(makeCall({ id: "call_3" }))]);
  expect(screen.getByRole("log").textContent).toBe("1 new call");
  await act(() => vi.advanceTimersByTimeAsync(5000));
  expect(screen.getByRole("log").textContent).toBe("2 new calls, 1 call ended");
});

test("a pause and its end are read aloud", () => {
  const fresh = parts.list.get();
  const paused = { ...fresh, feed: { kind: "paused", since: 0, retryAt: null } } as const;
  expect(changes(fresh, paused)).toBe("Live list paused");
  expect(changes(paused, fresh)).toBe("Live list up to date again");
});
