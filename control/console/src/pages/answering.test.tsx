import type { Call } from "@partyline/client/contract";
import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";

let parts: Parts;
const ringing = makeCall({ caller_name: "Ada Byron", rings: true });
const mine = makeCall({
  caller_name: "Ada Byron",
  answered_by: { id: "usr_1", name: "Mara Lindqvist" },
});

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.as("agent");
});

const settle = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));
async function open(calls: Call[], address = "/calls") {
  parts.list.set({ ...parts.list.get(), rows: calls.map((call) => rowOf(call)) });
  return renderConsole(parts, address);
}
const bell = () => screen.getByRole("region", { name: "Ringing" });
const key = (name: string) => fireEvent.keyDown(document.body, { key: name });
const button = (name: string | RegExp) => screen.getByRole("button", { name });

test("a call that rings is answered with the microphone open", async () => {
  const { router } = await open([ringing]);
  expect(within(bell()).getByText("Ada Byron")).toBeTruthy();
  fireEvent.click(within(bell()).getByRole("button", { name: "Answer" }));
  await settle();
  expect(parts.mouth.done).toEqual(["open"]);
  expect(parts.done).toContain("answer call_1");
  expect(parts.done).toContain("listen call_1 join open");
  expect(router.state.location.pathname).toBe("/calls/call_1");
});

test("the key answers who waits longest", async () => {
  const late = makeCall({ id: "call_2", rings: true, started_at: "2026-11-20T12:01:00Z" });
  await open([late, ringing]);
  key("a");
  await settle();
  expect(parts.done).toContain("answer call_1");
});

test("without a microphone nobody is answered, and it is said why", async () => {
  parts.mouth.refuses = "denied";
  await open([ringing]);
  key("a");
  await settle();
  expect(parts.done).not.toContain("answer call_1");
  expect(within(bell()).getByRole("alert").textContent).toContain("may not use your microphone");
});

test("a call that somebody else was faster with is said so, and the microphone goes", async () => {
  parts.answers.change = { kind: "conflict", code: "call_already_answered", detail: "" };
  await open([ringing]);
  key("a");
  await settle();
  expect(screen.getByText("Somebody else has answered this call.")).toBeTruthy();
  expect(parts.mouth.done).toEqual(["open", "close"]);
  expect(parts.done.some((done) => done.startsWith("listen"))).toBe(false);
});

test("it rings aloud until it is answered, and can be made not to", async () => {
  await open([ringing]);
  await settle(6500);
  expect(parts.rung).toEqual(["ring", "ring", "ring"]);
  fireEvent.click(within(bell()).getByRole("checkbox"));
  await settle(6500);
  expect(parts.rung).toHaveLength(3);
  fireEvent.click(within(bell()).getByRole("checkbox"));
  parts.show([rowOf({ ...ringing, rings: false })]);
  const before = parts.rung.length;
  await settle(6500);
  expect(parts.rung).toHaveLength(before);
});

test("who does not look at the page is told in the system's own way", async () => {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  await open([ringing]);
  expect(parts.rung).toContain("Ada Byron is calling");
});

test("who is in a call is not rung at, and answers no second one", async () => {
  await open([makeCall({ id: "call_2", rings: true }), mine]);
  await settle(6500);
  expect(parts.rung).toEqual([]);
  key("a");
  fireEvent.click(within(bell()).getByRole("button", { name: "Answer" }));
  await settle();
  expect(parts.mouth.done).toEqual([]);
});

test("supervisors are not rung at", async () => {
  parts.as("supervisor");
  await open([ringing]);
  expect(screen.queryByRole("region", { name: "Ringing" })).toBeNull();
  expect(screen.getByRole("list", { name: "Live calls" }).textContent).toContain("Waits");
});

test("agents are not offered to hear what is not theirs", async () => {
  await open([{ ...mine, answered_by: { id: "usr_2", name: "Jon" } }], "/calls/call_1");
  expect(screen.queryByRole("region", { name: "Listening" })).toBeNull();
  expect(screen.getByText(/Jon has answered this call/)).toBeTruthy();
  key("l");
  key("Enter");
  expect(parts.done.some((done) => done.startsWith("listen"))).toBe(false);
});

test("one's own call has mute, hold, keys, transfer and an end, and no modes", async () => {
  await open([mine], "/calls/call_1");
  const speaker = parts.speaking({
    mode: "join",
    armed: true,
    ready: true,
    talk: "open",
    audience: "everyone",
  });
  expect(screen.getByText("The caller hears you")).toBeTruthy();
  expect(screen.queryByRole("group", { name: "What you do in this call" })).toBeNull();
  fireEvent.click(button("Mute"));
  expect(speaker.done).toEqual(["mute"]);
  key("m");
  expect(speaker.done).toEqual(["mute", "unmute", "open"]);
  fireEvent.click(button("Hold"));
  await settle();
  expect(parts.done).toContain("hold call_1 true");
  parts.show([rowOf({ ...mine, held: true })]);
  expect(screen.getByText(/On hold/)).toBeTruthy();
  act(() => speaker.change({ audience: "agents" }));
  expect(screen.getByText("The caller does not hear you — on hold")).toBeTruthy();
});

test("one's own call is not left by Escape", async () => {
  await open([mine], "/calls/call_1");
  parts.speaking({ mode: "join", armed: true, talk: "open" });
  key("Escape");
  expect(parts.done).not.toContain("stop");
});

test("keys are sent, by the page and by the keyboard, and choose no side meanwhile", async () => {
  await open([mine], "/calls/call_1");
  parts.speaking({ mode: "join", armed: true });
  key("1");
  expect(parts.sound.get().solo).toBe("caller");
  fireEvent.click(button("Keypad"));
  fireEvent.click(within(screen.getByRole("group", { name: "Keypad" })).getByRole("button", { name: "5" }));
  await settle();
  key("2");
  await settle();
  key("#");
  await settle();
  expect(parts.done.filter((done) => done.startsWith("keys"))).toEqual([
    'keys call_1 "5"',
    'keys call_1 "2"',
    'keys call_1 "#"',
  ]);
  expect(parts.sound.get().solo).toBe("caller");
  expect(screen.getByLabelText("Keys sent").textContent).toBe("52#");
});

test("a transfer asks where to; an end asks whether", async () => {
  await open([mine], "/calls/call_1");
  fireEvent.click(button("Transfer"));
  let dialog = screen.getByRole("dialog", { name: "Transfer Ada Byron" });
  fireEvent.change(within(dialog).getByLabelText("To"), { target: { value: "+1 (206) 555-0100" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Transfer" }));
  await settle();
  expect(parts.done).toContain("transfer call_1 +12065550100 warm");
  fireEvent.click(button("Transfer"));
  dialog = screen.getByRole("dialog", { name: "Transfer Ada Byron" });
  fireEvent.change(within(dialog).getByLabelText("To"), { target: { value: "+12065550101" } });
  fireEvent.change(within(dialog).getByLabelText("How"), { target: { value: "cold" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Transfer" }));
  await settle();
  expect(parts.done).toContain("transfer call_1 +12065550101 cold");
  fireEvent.click(button("Hang up"));
  dialog = screen.getByRole("dialog", { name: "Hang up on Ada Byron?" });
  expect(parts.done).not.toContain("end call_1");
  fireEvent.click(within(dialog).getByRole("button", { name: "Hang up" }));
  await settle();
  expect(parts.done).toContain("end call_1");
});

test("a call that is shared with a guest is left to the others", async () => {
  await open([{ ...mine, route: "conference" }], "/calls/call_1");
  parts.speaking({ mode: "join", armed: true });
  expect(screen.queryByRole("button", { name: "Hold" })).toBeNull();
  fireEvent.click(button("Leave the call"));
  const dialog = screen.getByRole("dialog", { name: /Leave the call with Ada Byron/ });
  expect(parts.done).not.toContain("stop");
  fireEvent.click(within(dialog).getByRole("button", { name: "Leave" }));
  await settle();
  expect(parts.done).toContain("stop");
});

test("after a lost connection nothing is opened by itself: the seat first, then the mouth", async () => {
  await open([mine], "/calls/call_1");
  const speaker = parts.speaking({ fell: "reconnected" });
  expect(
    screen.getByText(/The caller does not hear you until you speak again/, { selector: ".banner-text" }),
  ).toBeTruthy();
  fireEvent.click(button("Speak again"));
  await settle();
  expect(speaker.done).toEqual(["mode join"]);
  fireEvent.click(button("Unmute"));
  expect(speaker.done).toEqual(["mode join", "unmute", "open"]);
});
