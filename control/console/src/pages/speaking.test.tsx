import type { Call } from "@partyline/client/contract";
import type { SpeakerState } from "@partyline/client/speaker";
import { makeCall } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";

let parts: Parts;
const ada = makeCall({ caller_name: "Ada Byron", bot: "active" });

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
});

const settle = (ms = 0) => act(() => vi.advanceTimersByTimeAsync(ms));
async function open(call: Call = ada, state: Partial<SpeakerState> | null = {}) {
  parts.list.set({ ...parts.list.get(), rows: [rowOf(call)] });
  await renderConsole(parts, "/calls/call_1");
  return state === null ? null : parts.speaking(state);
}
async function speakerOn(call: Call = ada, state: Partial<SpeakerState> = {}) {
  const speaker = await open(call, state);
  if (speaker === null) throw new Error("nobody listens");
  return speaker;
}
const player = () => screen.getByRole("region", { name: "Listening" });
const modes = () => within(player()).getByRole("group", { name: "What you do in this call" });
const mode = (name: string) => within(modes()).getByRole("button", { name });
const button = (name: string | RegExp) => screen.getByRole("button", { name });
const audience = () => player().querySelector(".audience")?.textContent;
const key = (name: string, target: Element = document.body) => fireEvent.keyDown(target, { key: name });
const armed = { mode: "join", armed: true, ready: true } as const;

test("four modes stand there by word, and the one that is on is pressed", async () => {
  await open();
  expect(
    within(modes())
      .getAllByRole("button")
      .map((one) => [one.textContent, one.getAttribute("aria-pressed")]),
  ).toEqual([
    ["ListenL", "true"],
    ["WhisperW", "false"],
    ["JoinB", "false"],
    ["Take overT", "false"],
  ]);
  expect(audience()).toBe("Nobody can hear you — microphone off");
});

test("a viewer is offered none of them", async () => {
  parts.as("viewer");
  await open();
  expect(screen.queryByRole("group", { name: "What you do in this call" })).toBeNull();
  expect(screen.queryByRole("button", { name: "Take over" })).toBeNull();
  expect(screen.queryByRole("region", { name: "Say to the caller" })).toBeNull();
});

test("buttons and keys change the mode, and Escape goes one step back", async () => {
  const speaker = await speakerOn();
  fireEvent.click(mode("Whisper"));
  await settle();
  expect(speaker.done).toEqual(["mode whisper"]);
  key("b");
  await settle();
  key("Escape");
  await settle();
  expect(speaker.done).toEqual(["mode whisper", "mode join", "mode listen"]);
  expect(parts.done).not.toContain("stop");
  key("Escape");
  expect(parts.done).toContain("stop");
});

test.each<[Partial<SpeakerState>, string]>([
  [{ ...armed, wanted: "whisper" }, "Nobody can hear you — one moment"],
  [{ ...armed, ready: false }, "Nobody can hear you — connecting your microphone"],
  [{ ...armed, muted: true }, "Nobody can hear you — you are muted"],
  [{ ...armed, talk: "held" }, "Nobody can hear you — waiting for the gateway"],
  [armed, "Nobody can hear you — microphone ready, not open"],
  [{ ...armed, mode: "whisper", audience: "agents" }, "Only the agent hears you — the caller does not"],
  [{ ...armed, audience: "everyone" }, "Everyone hears you, caller included"],
  // What is confirmed is said, whatever is wanted here.
  [{ ...armed, muted: true, talk: "off", audience: "everyone" }, "Everyone hears you, caller included"],
])("%o is said as: %s", async (state, words) => {
  await open(ada, state);
  expect(audience()).toBe(words);
  expect(within(player()).getByRole("status").textContent).toContain(words.replace(/ — .*/, ""));
});

test("the tab says that somebody hears", async () => {
  const speaker = await speakerOn();
  expect(document.title).not.toContain("On air");
  act(() => speaker.change({ ...armed, audience: "everyone" }));
  expect(document.title).toContain("On air");
});

test("the space bar speaks while it is held, and a lost key is let go of", async () => {
  const speaker = await speakerOn(ada, armed);
  key(" ");
  key(" ");
  fireEvent.keyUp(document.body, { key: " " });
  expect(speaker.done).toEqual(["hold", "hold", "release"]);
  key(" ");
  fireEvent(window, new Event("blur"));
  expect(speaker.done.slice(3)).toEqual(["hold", "release"]);
});

test("a space bar that repeats is one", async () => {
  const speaker = await speakerOn(ada, armed);
  key(" ");
  fireEvent.keyDown(document.body, { key: " ", repeat: true });
  expect(speaker.done).toEqual(["hold"]);
});

test("who types does not speak, nor who presses a button", async () => {
  const speaker = await speakerOn(ada, armed);
  key(" ", screen.getByRole("textbox", { name: "Notes" }));
  key(" ", mode("Join"));
  expect(speaker.done).toEqual([]);
  key(" ", button("Hold to speak"));
  expect(speaker.done).toEqual(["hold"]);
});

test("with single keys turned off the space bar is the button's alone", async () => {
  const speaker = await speakerOn(ada, armed);
  act(() => parts.partyline.preferences.change({ singleKeys: false }));
  key(" ");
  key("w");
  expect(speaker.done).toEqual([]);
  key(" ", button("Hold to speak"));
  expect(speaker.done).toEqual(["hold"]);
});

test("the button speaks while it is held; a click without a pointer keeps it open", async () => {
  const speaker = await speakerOn(ada, armed);
  const talk = button("Hold to speak");
  talk.setPointerCapture = () => undefined;
  fireEvent.pointerDown(talk, { button: 0 });
  fireEvent.pointerUp(talk);
  fireEvent.click(talk);
  expect(speaker.done).toEqual(["hold", "release"]);
  fireEvent.click(talk);
  expect(speaker.done.slice(2)).toEqual(["open"]);
  expect(button("Microphone open").getAttribute("aria-pressed")).toBe("true");
});

test("keep open and mute have keys of their own", async () => {
  const speaker = await speakerOn(ada, armed);
  key("o");
  key("m");
  key("m");
  key("o");
  expect(speaker.done).toEqual(["open", "mute", "unmute", "shut"]);
});

test("before a mode there is nothing to hold", async () => {
  const speaker = await speakerOn();
  key(" ");
  key("o");
  key("m");
  expect(speaker.done).toEqual([]);
  expect(screen.queryByRole("button", { name: "Hold to speak" })).toBeNull();
});

test("microphones can be chosen, and one that is refused says what to do", async () => {
  await open(ada, { ...armed, mode: "whisper" });
  await act(() => parts.mouth.open());
  const choice = screen.getByRole<HTMLSelectElement>("combobox", { name: "Microphone" });
  expect(choice.value).toBe("mic_1");
  expect(screen.getByRole("meter", { name: "Your microphone's level" })).toBeTruthy();
  fireEvent.change(choice, { target: { value: "mic_2" } });
  expect(parts.mouth.done).toContain("choose mic_2");
  act(() => parts.mouth.state.set({ kind: "failed", why: "denied" }));
  expect(screen.getByText(/Allow it in the browser's settings/)).toBeTruthy();
  fireEvent.click(button("Try again"));
  const speaker = parts.current.get()?.speaker;
  expect(speaker).toHaveProperty("done", ["arm"]);
});

test("what shut the microphone is said", async () => {
  await open(ada, { fell: "reconnected" });
  expect(
    screen.getByText(/you are back to listening, and your microphone is off/, { selector: ".banner-text" }),
  ).toBeTruthy();
});

test("a call that two telephones have is moved before anybody is heard in it", async () => {
  const speaker = await speakerOn({ ...ada, route: "monitor", bot: null });
  expect(mode("Take over").getAttribute("aria-disabled")).toBe("true");
  expect(screen.queryByRole("region", { name: "Say to the caller" })).toBeNull();
  key("w");
  fireEvent.click(mode("Join"));
  expect(speaker.done).toEqual(["mode whisper moved", "mode join moved"]);
  act(() => speaker.change({ wanted: "join", mode: "listen" }));
  expect(screen.getByText(/through a conference at Twilio/)).toBeTruthy();
  act(() => speaker.change({ wanted: null, mode: "join" }));
  expect(screen.queryByText(/through a conference at Twilio/)).toBeNull();
});

test("its row among the live calls says how one takes part in it", async () => {
  const speaker = await speakerOn();
  const row = document.querySelector('[data-row="call_1"]');
  expect(row?.textContent).toContain("You listen");
  act(() => speaker.change({ mode: "whisper" }));
  expect(row?.textContent).toContain("You whisper");
  act(() => speaker.change({ mode: "join" }));
  expect(row?.textContent).toContain("You joined");
});

test("the key of the quietest mode goes back to it from any other", async () => {
  const speaker = await speakerOn();
  key("b");
  await settle();
  key("l");
  expect(speaker.done).toEqual(["mode join", "mode listen"]);
});

test("a call that is only listened to says so and offers no more", async () => {
  const speaker = await speakerOn({ ...ada, route: null, bot: null });
  fireEvent.click(mode("Join"));
  key("w");
  key("t");
  expect(speaker.done).toEqual([]);
  expect(mode("Join").getAttribute("aria-disabled")).toBe("true");
  expect(screen.getByText(/only listened to/)).toBeTruthy();
  expect(screen.queryByRole("region", { name: "Say to the caller" })).toBeNull();
});

test("what control refuses is said in words", async () => {
  await open(ada, { problem: { kind: "conflict", code: "call_cannot_be_joined", detail: "x" } });
  expect(screen.getByText("This call can only be listened to.")).toBeTruthy();
});

test("taking over asks for the reason first, and then needs a second act to be heard", async () => {
  const speaker = await speakerOn();
  key("t");
  const dialog = screen.getByRole("dialog", { name: /Take over from the AI with Ada Byron/ });
  expect(speaker.done).toEqual([]);
  fireEvent.change(within(dialog).getByRole("combobox", { name: "Reason" }), {
    target: { value: "Complaint" },
  });
  fireEvent.change(within(dialog).getByRole("textbox", { name: "Note" }), { target: { value: "Twice" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Take over" }));
  await settle();
  expect(speaker.done).toEqual(["mode takeover"]);
  expect(parts.done).toContain('take over call_1 {"reason":"Complaint","notes":"Twice"}');
  expect(screen.queryByRole("dialog")).toBeNull();
  expect(within(player()).getByText("You have taken over from the AI.")).toBeTruthy();
  expect(audience()).toContain("Nobody can hear you");
});

test("a call that nobody listens to can be taken over, too", async () => {
  await open(ada, null);
  fireEvent.click(button("Take over"));
  const dialog = screen.getByRole("dialog");
  fireEvent.click(within(dialog).getByRole("button", { name: "Take over" }));
  await settle();
  expect(parts.done).toContain("listen call_1 takeover off");
  expect(parts.mouth.done).toEqual(["open"]);
});

test("a takeover that is refused leaves the dialog open, with the reason", async () => {
  parts.answers.change = { kind: "forbidden", detail: "" };
  await open(ada, null);
  fireEvent.click(button("Take over"));
  const dialog = screen.getByRole("dialog");
  fireEvent.click(within(dialog).getByRole("button", { name: "Take over" }));
  await settle();
  expect(within(dialog).getByRole("alert").textContent).not.toBe("");
  expect(parts.mouth.done).toEqual([]);
});

test("the AI is paused and handed back to, one's own microphone first", async () => {
  const speaker = await speakerOn(ada, { ...armed, mode: "takeover" });
  fireEvent.click(button(/Pause the AI/));
  await settle();
  expect(parts.done).toContain("pause call_1");
  parts.show([rowOf({ ...ada, bot: "paused" })]);
  expect(screen.getByText("AI paused", { selector: ".bot span" })).toBeTruthy();
  key("h");
  await settle();
  expect(parts.done).toContain("resume call_1");
  expect(speaker.done).toEqual(["mode listen"]);
});

test("an AI that failed is said aloud, on the call, in the list and over every page", async () => {
  await open({ ...ada, bot: "failed" }, null);
  const panel = screen.getByRole("region", { name: "The AI" });
  expect(panel.querySelector(".bot-words[role=alert]")?.textContent).toContain("AI failed");
  expect(within(panel).getByRole("button", { name: "Take over" })).toBeTruthy();
  expect(screen.getByRole("list", { name: "Live calls" }).textContent).toContain("AI failed");
  const told = { kind: "event", seq: 9, type: "alert.raised", callId: "call_1" } as const;
  parts.tell({
    ...told,
    call: { ...ada, bot: "failed" },
    data: { kind: "bot_failed", detail: "refused" },
  });
  parts.tell({
    ...told,
    seq: 10,
    call: { ...ada, bot: "failed" },
    data: { kind: "bot_failed", detail: "refused" },
  });
  expect(screen.getAllByText(/The AI has failed/)).toHaveLength(1);
  fireEvent.click(button("Dismiss"));
  expect(screen.queryByText(/The AI has failed/)).toBeNull();
});

test("lines are written, said one after the other, and cancelled", async () => {
  await open(ada, null);
  const say = screen.getByRole("region", { name: "Say to the caller" });
  const box = within(say).getByRole<HTMLTextAreaElement>("textbox");
  const write = async (text: string) => {
    fireEvent.change(box, { target: { value: text } });
    fireEvent.click(within(say).getByRole("button", { name: "Say" }));
    await settle();
  };
  await write("One moment, please.");
  await write("I am with you.");
  expect(box.value).toBe("");
  expect(parts.done).toContain('say call_1 "One moment, please."');
  const lines = () =>
    within(say)
      .getAllByRole("listitem")
      .map((line) => line.textContent);
  expect(lines()[0]).toContain("Speaking");
  expect(lines()[1]).toContain("Queued");
  fireEvent.click(within(say).getByRole("button", { name: /Cancel.*I am with you/ }));
  await settle();
  expect(parts.done.some((done) => done.startsWith("cancel call_1 say_"))).toBe(true);
  const first = parts.done.indexOf('say call_1 "One moment, please."');
  act(() =>
    parts.partyline.says.take({
      kind: "event",
      seq: 4,
      type: "message.sent",
      callId: "call_1",
      call: null,
      data: { say: `say_${first}`, end: "spoken" },
    }),
  );
  expect(lines()[0]).toContain("Spoken");
});

test("an empty line is not said", async () => {
  await open(ada, null);
  const say = screen.getByRole("region", { name: "Say to the caller" });
  fireEvent.change(within(say).getByRole("textbox"), { target: { value: "  " } });
  fireEvent.click(within(say).getByRole("button", { name: "Say" }));
  expect(parts.done.some((done) => done.startsWith("say "))).toBe(false);
});

test("the sheet of shortcuts names what this role can do", async () => {
  await open();
  key("?");
  const sheet = screen.getByRole("dialog", { name: "Keyboard shortcuts" });
  expect(within(sheet).getByText("Speak, while it is held down")).toBeTruthy();
  expect(within(sheet).queryByText("Answer the call that waits longest")).toBeNull();
});
