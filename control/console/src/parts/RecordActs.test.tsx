import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole } from "../testing/renderConsole.tsx";

let parts: Parts;
const ada = makeCall({ caller_name: "Ada Byron", status: "completed", ended_at: "2026-11-20T12:01:00Z" });

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.as("admin");
  parts.answers.call = ada;
  parts.answers.pages = { "": { calls: [ada], next: null } };
});

const settle = () => act(() => vi.advanceTimersByTimeAsync(0));
async function open(address: string) {
  const page = await renderConsole(parts, address);
  await settle();
  return page;
}
const button = (name: string) => screen.getByRole("button", { name });

test("an admin deletes a record after a question, and it leaves the list", async () => {
  const { router } = await open("/records/call_1");
  fireEvent.click(button("Delete this record"));
  expect(parts.done).not.toContain("delete call_1");
  const dialog = screen.getByRole("dialog", { name: "Delete the record of Ada Byron?" });
  parts.answers.pages = { "": { calls: [], next: null } };
  fireEvent.click(within(dialog).getByRole("button", { name: "Delete for good" }));
  await settle();
  await settle();
  expect(parts.done).toContain("delete call_1");
  expect(router.state.location.pathname).toBe("/records");
  expect(screen.queryByRole("link", { name: /Ada Byron/ })).toBeNull();
});

test("what cannot be deleted says why", async () => {
  parts.answers.change = { kind: "conflict", code: "call_in_progress", detail: "x" };
  await open("/records/call_1");
  fireEvent.click(button("Delete this record"));
  fireEvent.click(button("Delete for good"));
  await settle();
  expect(within(screen.getByRole("dialog")).getByRole("alert").textContent).toContain("still goes on");
});

test("others than admins are not offered it", async () => {
  parts.as("supervisor");
  await open("/records/call_1");
  expect(screen.queryByRole("button", { name: "Delete this record" })).toBeNull();
});

test("the list is saved with its filters", async () => {
  const saved: string[] = [];
  vi.stubGlobal("URL", class extends URL {});
  URL.createObjectURL = () => "blob:calls";
  URL.revokeObjectURL = () => undefined;
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    saved.push(`${this.download} ${this.getAttribute("href")}`);
  });
  await open("/records?show=handled");
  fireEvent.click(button("Export as CSV"));
  await settle();
  fireEvent.click(button("Export as PDF"));
  await settle();
  expect(parts.done).toContain('export csv {"handled":true}');
  expect(parts.done).toContain('export pdf {"handled":true}');
  await open("/records/call_1");
  fireEvent.click(button("Download as PDF"));
  await settle();
  expect(parts.done).toContain("export call_1");
  expect(saved).toEqual([
    "calls-2026-11-20.csv blob:calls",
    "calls-2026-11-20-newest.pdf blob:calls",
    "call_1.pdf blob:calls",
  ]);
});

test("an export that fails says so", async () => {
  parts.answers.change = { kind: "unreachable" };
  await open("/records");
  fireEvent.click(button("Export as CSV"));
  await settle();
  expect(screen.getByRole("alert").textContent).toContain("Not exported.");
});
