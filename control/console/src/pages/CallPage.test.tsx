import type { MonitorState } from "@partyline/client/monitor";
import { NO_RECEPTION } from "@partyline/client/reception";
import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";

let parts: Parts;
const ada = makeCall({ caller_name: "Ada Byron", tags: ["refund"] });

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.list.set({ ...parts.list.get(), rows: [rowOf(ada)] });
});

const player = () => screen.getByRole("region", { name: "Listening" });
/** The one that listens and stops: the player's first. */
const button = (): HTMLElement => {
  const [first] = within(player()).getAllByRole("button");
  if (first === undefined) throw new Error("the player has no button");
  return first;
};
const settle = () => act(() => vi.advanceTimersByTimeAsync(0));

test("it says who, with whom, since when, and that nobody can hear you", async () => {
  await renderConsole(parts, "/calls/call_1");
  expect(screen.getByRole("heading", { level: 2, name: "Ada Byron" })).toBeTruthy();
  expect(within(screen.getByRole("article")).getAllByText("+1 206 555 0100").length).toBeGreaterThan(0);
  expect(within(player()).getByText("Nobody can hear you — microphone off")).toBeTruthy();
  expect(parts.done).toContain("keep call_1");
});

test("a call is found by Twilio's name for it, too", async () => {
  await renderConsole(parts, "/calls/CA1");
  expect(screen.getByRole("heading", { level: 2, name: "Ada Byron" })).toBeTruthy();
});

test("the button listens and stops", async () => {
  await renderConsole(parts, "/calls/call_1");
  expect(button().getAttribute("aria-pressed")).toBe("false");
  fireEvent.click(button());
  expect(parts.done).toContain("listen call_1");
  expect(button().getAttribute("aria-pressed")).toBe("true");
  expect(button().textContent).toContain("Stop");
  fireEvent.click(button());
  expect(parts.done).toContain("stop");
  expect(button().textContent).toContain("Listen again");
});

test("the keys do the same", async () => {
  await renderConsole(parts, "/calls/call_1");
  fireEvent.keyDown(document.body, { key: "l" });
  expect(parts.done).toContain("listen call_1");
  fireEvent.keyDown(document.body, { key: "Escape" });
  expect(parts.done).toContain("stop");
  fireEvent.keyDown(document.body, { key: "Enter" });
  expect(parts.done.filter((done) => done === "listen call_1")).toHaveLength(2);
});

const reception = { ...NO_RECEPTION, delayMs: 214, packetsReceived: 50, packetsLost: 1 };
const states: [MonitorState, string, boolean][] = [
  [{ kind: "connecting" }, "Connecting…", true],
  [{ kind: "live", reception }, "Live, 210 ms behind the phone", true],
  [{ kind: "reconnecting", heard: true, problem: null, retryAt: null }, "Reconnecting…", true],
  [{ kind: "ended", callGoesOn: false }, "Call ended", false],
  [{ kind: "stopped" }, "Stopped. The call goes on.", false],
  [
    { kind: "failed", problem: { kind: "conflict", code: "call_not_live", detail: "" } },
    "This call has no live audio.",
    false,
  ],
];

test.each(states)("a monitor that is %o says: %s", async (state, words, pressed) => {
  await renderConsole(parts, "/calls/call_1");
  parts.listening(state);
  expect(within(player()).getAllByText(words).length).toBeGreaterThan(0);
  expect(button().getAttribute("aria-pressed")).toBe(String(pressed));
  expect(player().dataset["state"]).toBe(state.kind);
});

test("figures of the connection stand on the player", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.listening({ kind: "live", reception });
  expect({ ...player().dataset }).toMatchObject({
    callId: "call_1",
    state: "live",
    delayMs: "214",
    packetsLost: "1",
    packetsReceived: "50",
  });
});

test("what is read aloud has no figure that changes each second", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.listening({ kind: "live", reception });
  expect(within(player()).getByRole("status").textContent).toBe("Live. Nobody can hear you.");
});

test("both sides have a meter with a value in words", async () => {
  await renderConsole(parts, "/calls/call_1");
  const meters = screen.getAllByRole("meter");
  expect(meters.map((meter) => meter.getAttribute("aria-label"))).toEqual(["Caller level", "Agent level"]);
  expect(meters.map((meter) => meter.getAttribute("aria-valuetext"))).toEqual(["silent", "silent"]);
});

test("voices that come together are one meter, and nobody can be chosen", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.listening({ kind: "live", reception: { ...reception, voices: "together" } });
  expect(screen.getByText(/Phone-grade audio/)).toBeTruthy();
  expect(screen.getAllByRole("meter").map((meter) => meter.getAttribute("aria-label"))).toEqual([
    "Both level",
  ]);
  for (const choice of screen.getAllByRole("radio"))
    expect(choice.closest("fieldset")?.disabled).toBe(true);
  expect(player().dataset["voices"]).toBe("together");
});

test("keys choose a side and change the volume", async () => {
  await renderConsole(parts, "/calls/call_1");
  fireEvent.keyDown(document.body, { key: "1" });
  expect(parts.sound.get().solo).toBe("caller");
  expect(screen.getByText("muted")).toBeTruthy();
  fireEvent.keyDown(document.body, { key: "2" });
  expect(parts.sound.get().solo).toBe("agent");
  fireEvent.keyDown(document.body, { key: "0" });
  expect(parts.sound.get().solo).toBe("both");
  fireEvent.keyDown(document.body, { key: "]" });
  expect(parts.sound.get().volume).toBeCloseTo(0.9);
  fireEvent.keyDown(document.body, { key: "[" });
  expect(parts.sound.get().volume).toBeCloseTo(0.8);
});

test("a call without audio cannot be listened to, and the button says why", async () => {
  const silent = { ...ada, media: { ...ada.media, live: false } };
  parts.list.set({ ...parts.list.get(), rows: [rowOf(silent)] });
  await renderConsole(parts, "/calls/call_1");
  expect(button().getAttribute("aria-disabled")).toBe("true");
  fireEvent.click(button());
  fireEvent.keyDown(document.body, { key: "l" });
  expect(parts.done).not.toContain("listen call_1");
  expect(within(player()).getByText("No live audio of this call has arrived yet.")).toBeTruthy();
});

test("a call that is over offers nothing to listen to", async () => {
  const over = makeCall({ status: "completed", ended_at: "2026-11-20T12:01:00Z" });
  parts.list.set({ ...parts.list.get(), rows: [] });
  parts.answers.call = over;
  await renderConsole(parts, "/calls/call_1");
  await settle();
  expect(screen.queryByRole("region", { name: "Listening" })).toBeNull();
  expect(screen.getByText("1:00")).toBeTruthy();
});

test("a call that ends while it is heard says so in the player", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.listening({ kind: "ended", callGoesOn: false });
  const over = makeCall({ status: "completed", ended_at: "2026-11-20T12:01:00Z" });
  parts.show([rowOf(over, { leavesAt: Date.now() + 9000 })]);
  expect(within(player()).queryByRole("button")).toBeNull();
  expect(within(player()).getAllByText("Call ended").length).toBeGreaterThan(0);
});

test("sound that the browser holds back can be let out", async () => {
  await renderConsole(parts, "/calls/call_1");
  parts.listening({ kind: "live", reception });
  act(() => parts.blocked.set(true));
  fireEvent.click(screen.getByRole("button", { name: "Let me hear it" }));
  expect(parts.done).toContain("resume");
});

test("the listening goes on while another page is shown", async () => {
  const { router } = await renderConsole(parts, "/calls/call_1");
  parts.listening({ kind: "live", reception });
  expect(screen.queryByRole("complementary")).toBeNull();
  await act(() => router.navigate({ to: "/calls" }));
  const bar = screen.getByRole("complementary", { name: "Listening elsewhere" });
  expect(within(bar).getByRole("link", { name: "Ada Byron" }).getAttribute("href")).toBe("/calls/call_1");
  expect(bar.textContent).toContain("Live, 210 ms behind the phone");
  fireEvent.click(within(bar).getByRole("button", { name: "Stop" }));
  expect(parts.done).toContain("stop");
  expect(screen.queryByRole("complementary")).toBeNull();
});

test("a call that is not there is said so", async () => {
  parts.answers.call = { kind: "not_found", detail: "no such thing" };
  await renderConsole(parts, "/calls/call_9");
  await settle();
  expect(screen.getByRole("alert").textContent).toContain("There is no such call");
});

test("its history is shown, and asked for again when something happens", async () => {
  parts.answers.events = [{ seq: 1, type: "call.incoming", at: "2026-11-20T12:00:00Z", data: {} }];
  await renderConsole(parts, "/calls/call_1");
  await settle();
  expect(screen.getByText("Call came in")).toBeTruthy();
  await act(() => vi.advanceTimersByTimeAsync(1000));
  parts.answers.events = [
    ...parts.answers.events,
    { seq: 2, type: "call.answered", at: "2026-11-20T12:00:04Z", data: {} },
  ];
  parts.tell({ kind: "event", seq: 2, type: "call.answered", callId: "call_1", call: ada, data: {} });
  await act(() => vi.advanceTimersByTimeAsync(1000));
  expect(screen.getByText("Answered", { selector: "li span" })).toBeTruthy();
});
