import type { Problem } from "@partyline/client/problem";
import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";

let parts: Parts;
const ada = makeCall({
  caller_name: "Ada Byron",
  status: "completed",
  ended_at: "2026-11-20T12:01:00Z",
  tags: ["refund"],
  notes: "Second router.",
});

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.answers.call = ada;
});

const settle = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));
async function open(address = "/records/call_1") {
  const page = await renderConsole(parts, address);
  await settle();
  return page;
}
const mark = (name: string) => screen.getByRole("button", { name });
const pressed = (name: string) => mark(name).getAttribute("aria-pressed");
const notes = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Notes" });
const changes = () => parts.done.filter((done) => done.startsWith("change "));
async function click(name: string) {
  fireEvent.click(mark(name));
  await settle();
}

test("a mark is shown before control has answered, and taken back when it refuses", async () => {
  let answer: (problem: Problem | null) => void = () => undefined;
  parts.answers.change = new Promise((resolve) => {
    answer = resolve;
  });
  await open();
  expect(pressed("Handled")).toBe("false");
  await click("Handled");
  expect(pressed("Handled")).toBe("true");
  expect(changes()).toEqual(['change call_1 {"is_handled":true}']);
  answer({ kind: "forbidden", detail: "your role may not do this" });
  await settle();
  expect(pressed("Handled")).toBe("false");
  expect(screen.getByText(/Not marked as handled/).textContent).toContain("Your role may not do this.");
  await click("Dismiss");
  expect(screen.queryByText(/Not marked as handled/)).toBeNull();
});

test("a mark that is taken stays, here and in the list", async () => {
  parts.answers.pages = { "": { calls: [ada], next: null } };
  await open();
  await click("Urgent");
  expect(pressed("Urgent")).toBe("true");
  expect(screen.getByRole("list", { name: "Records" }).textContent).toContain("Urgent");
});

test("D and U do the same as the buttons, but not while somebody types", async () => {
  await open();
  fireEvent.keyDown(notes(), { key: "d" });
  expect(changes()).toEqual([]);
  fireEvent.keyDown(document.body, { key: "d" });
  await settle();
  fireEvent.keyDown(document.body, { key: "u" });
  await settle();
  expect(changes()).toEqual(['change call_1 {"is_handled":true}', 'change call_1 {"is_urgent":true}']);
});

test("only what was changed is sent, and emptied fields as null", async () => {
  await open();
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
  fireEvent.change(notes(), { target: { value: "  " } });
  const tags = screen.getByRole("textbox", { name: "Tags" });
  fireEvent.change(tags, { target: { value: "callback" } });
  fireEvent.keyDown(tags, { key: "Enter" });
  fireEvent.click(mark("Take refund away"));
  await click("Save");
  expect(changes()).toEqual(['change call_1 {"tags":["callback"],"notes":null}']);
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
});

test("what was written is kept when it cannot be saved, and over another page", async () => {
  parts.answers.change = { kind: "unreachable" };
  const { router } = await open();
  fireEvent.change(notes(), { target: { value: "Call back at four." } });
  await click("Save");
  expect(screen.getByText("Partyline cannot be reached. Is the network up?")).toBeTruthy();
  expect(notes().value).toBe("Call back at four.");
  await act(() => router.navigate({ to: "/records" }));
  await act(() => router.navigate({ to: "/records/$callId", params: { callId: "call_1" } }));
  await settle();
  expect(notes().value).toBe("Call back at four.");
  await click("Discard");
  expect(notes().value).toBe("Second router.");
});

test("two who write the same at once learn of each other", async () => {
  const live = makeCall({ notes: "Second router." });
  parts.list.set({ ...parts.list.get(), rows: [rowOf(live)] });
  await open("/calls/call_1");
  fireEvent.change(notes(), { target: { value: "Mine." } });
  parts.show([rowOf({ ...live, notes: "Theirs.", tags: ["vip"] })]);
  expect(screen.getByText(/Somebody changed the notes while you wrote: “Theirs.”/)).toBeTruthy();
  // What was not touched here follows.
  expect(screen.getByRole("button", { name: "Take vip away" })).toBeTruthy();
  expect(mark("Save mine")).toBeTruthy();
  await click("Take theirs");
  expect(notes().value).toBe("Theirs.");
  expect(screen.queryByRole("button", { name: "Save mine" })).toBeNull();
});

test("a viewer is offered no change", async () => {
  parts.as("viewer");
  await open();
  expect(screen.queryByRole("button", { name: "Handled" })).toBeNull();
  expect(screen.queryByRole("textbox", { name: "Notes" })).toBeNull();
  expect(screen.getByText("Second router.")).toBeTruthy();
  fireEvent.keyDown(document.body, { key: "d" });
  expect(changes()).toEqual([]);
});

test("other calls of the same person are there, without this one", async () => {
  const before = makeCall({ ...ada, id: "call_0", started_at: "2026-11-19T09:10:00Z" });
  parts.answers.pages = { "": { calls: [ada, before], next: null } };
  await open();
  await settle(10);
  const others = screen.getByRole("region", { name: "Other calls with them" });
  const links = others.querySelectorAll("a");
  expect([...links].map((link) => link.getAttribute("href"))).toEqual(["/records/call_0"]);
  expect(parts.done).toContain('list {"q":"+14155550101"}');
});
