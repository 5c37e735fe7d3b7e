import type { NumberSettings, PhoneNumber } from "@partyline/client/contract";
import { makeUser } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { answeringOf, settingsOf } from "../words/answering.ts";
import { type Parts, makeParts, renderConsole } from "../testing/renderConsole.tsx";

let parts: Parts;
const number: PhoneNumber = {
  number: "+12065550100",
  label: "Front desk",
  route: "agent",
  has_bot: true,
  settings: {
    dial: "+12065550200",
    disclosure: null,
    bot: {
      kind: "stream",
      url: "wss://bot.example.com/x",
      parameters: { campaign: "spring" },
      stall_seconds: 20,
      fallback: null,
    },
    waiting: null,
  },
  created_at: "2026-11-01T09:00:00Z",
};

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.account.set({ kind: "signed_in", user: makeUser({ role: "admin" }) });
  parts.answers.numbers = [number];
});

const settle = () => act(() => vi.advanceTimersByTimeAsync(0));
async function open(of = number) {
  parts.answers.numbers = [of];
  const rendered = await renderConsole(parts, "/settings/numbers/%2B12065550100");
  await settle();
  return rendered;
}
const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label);
const type = (label: string, value: string) => fireEvent.change(field(label), { target: { value } });
async function save() {
  fireEvent.submit(screen.getByRole("form", { name: "Answering" }));
  await settle();
}
async function click(name: string | RegExp) {
  fireEvent.click(screen.getByRole("button", { name }));
  await settle();
}
const sent = () =>
  parts.done
    .filter((done) => done.startsWith("change +"))
    .map((done) => (JSON.parse(done.slice(done.indexOf("{"))) as { settings: NumberSettings }).settings);

test("all that is known of a bot is shown, and what is saved is all of it", async () => {
  await open();
  expect(field("Address of the bot").value).toBe("wss://bot.example.com/x");
  expect(field("Name of parameter 1").value).toBe("campaign");
  expect(field("Seconds of silence until it is taken for dead").value).toBe("20");
  await click("Add a parameter");
  expect(document.activeElement).toBe(field("Name of parameter 2"));
  type("Name of parameter 2", " tone ");
  type("Value of parameter 2", " warm ");
  type("What callers hear when the bot fails", "One moment.");
  type("They hear", "own");
  type("Words", "We are coming.");
  type("Language", "en-GB");
  type("Said again after (seconds)", "30");
  type("What callers are told first", "This call may be heard.");
  type("Twilio's voice for them", "Polly.Amy");
  await save();
  expect(sent()).toEqual([
    {
      dial: "+12065550200",
      disclosure: { text: "This call may be heard.", language: null, voice: "Polly.Amy" },
      bot: {
        kind: "stream",
        url: "wss://bot.example.com/x",
        parameters: { campaign: "spring", tone: " warm " },
        stall_seconds: 20,
        fallback: "One moment.",
      },
      waiting: { text: "We are coming.", language: "en-GB", voice: null, every_seconds: 30 },
    },
  ]);
  expect(screen.getByText("Saved.")).toBeTruthy();
});

test("one kind of bot takes the place of another, and a person that of a bot", async () => {
  await open();
  type("Calls are answered by", "open_ai");
  type("Instructions", "Be kind.\nBe brief.");
  type("Voice", "marin");
  type("What it says first", "Hello!");
  await save();
  expect(sent().at(-1)?.bot).toEqual({
    kind: "open_ai",
    model: "gpt-realtime",
    instructions: "Be kind.\nBe brief.",
    voice: "marin",
    greeting: "Hello!",
    fallback: null,
  });
  type("Calls are answered by", "person");
  type("They hear", "nothing");
  await save();
  expect(sent().at(-1)).toMatchObject({ bot: null, waiting: { text: "" } });
});

test("what control refuses is said at its field, which has the focus, and nothing typed is lost", async () => {
  await open();
  const refuse = async (detail: string) => {
    parts.answers.change = { kind: "refused", status: 422, detail };
    await save();
  };
  const saysAt = (label: string, words: string) => {
    const input = field(label);
    expect(input.getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(input);
    const id = input.getAttribute("aria-describedby") ?? "";
    expect(document.getElementById(id)?.textContent).toBe(words);
  };
  type("Address of the bot", "https://bot.example.com");
  await refuse("settings.bot.url must be a ws: or wss: URL");
  saysAt("Address of the bot", "Must be a ws: or wss: URL.");
  expect(field("Address of the bot").value).toBe("https://bot.example.com");
  await refuse("settings.waiting.give_up_seconds must be between 5 and 3600");
  saysAt("Given up after (seconds)", "Must be between 5 and 3600.");
  await refuse("settings.bot.parameters may be 20");
  saysAt("Name of parameter 1", "May be 20.");
  // What is of no field stands before the button.
  await refuse("something else is wrong");
  expect(screen.getByRole("alert").textContent).toBe("Something else is wrong.");
});

test("what cannot be sent is not sent", async () => {
  await open();
  await click("Add a parameter");
  type("Name of parameter 2", "campaign");
  await save();
  expect(screen.getByText("“campaign” is there twice.")).toBeTruthy();
  type("Name of parameter 2", "");
  type("Value of parameter 2", "x");
  await save();
  expect(screen.getByText("Each parameter needs a name.")).toBeTruthy();
  await click("Remove parameter 2");
  type("Said again after (seconds)", "soon");
  type("They hear", "own");
  await save();
  expect(screen.getByText("Must be a whole number, or empty.")).toBeTruthy();
  expect(screen.getByText("Say what callers hear.")).toBeTruthy();
  expect(sent()).toEqual([]);
});

test("what is not saved is not left behind unasked", async () => {
  const { router } = await open();
  type("What callers hear when the bot fails", "One moment.");
  expect(screen.getByText("Not saved yet")).toBeTruthy();
  fireEvent.click(screen.getByRole("link", { name: "All numbers" }));
  await settle();
  const dialog = () => within(screen.getByRole("dialog", { name: "Leave without saving?" }));
  fireEvent.click(dialog().getByRole("button", { name: "Stay" }));
  await settle();
  expect(router.state.location.pathname).toContain("12065550100");
  expect(field("What callers hear when the bot fails").value).toBe("One moment.");
  fireEvent.click(screen.getByRole("link", { name: "All numbers" }));
  await settle();
  fireEvent.click(dialog().getByRole("button", { name: "Leave" }));
  await settle();
  expect(router.state.location.pathname).toBe("/settings/numbers");
  expect(sent()).toEqual([]);
});

test("after it is saved, or discarded, nobody asks", async () => {
  const { router } = await open();
  type("What callers hear when the bot fails", "One moment.");
  await click("Discard changes");
  expect(field("What callers hear when the bot fails").value).toBe("");
  type("What callers hear when the bot fails", "One moment.");
  await save();
  fireEvent.click(screen.getByRole("link", { name: "All numbers" }));
  await settle();
  expect(router.state.location.pathname).toBe("/settings/numbers");
});

test("it is said when a number's route makes it idle, and when its bot cannot be read", async () => {
  await open({ ...number, route: "monitor", settings: { dial: "+12065550200" } });
  const notes = screen.getAllByRole("note").map((note) => note.textContent);
  expect(notes[0]).toContain("no bot answers and nobody waits");
  expect(notes[1]).toContain("cannot read");
});

test("settings that are read and saved are the same", () => {
  const all: NumberSettings[] = [
    number.settings,
    { dial: null, disclosure: null, bot: null, waiting: null },
    {
      dial: null,
      disclosure: { text: "Heard.", language: "en-GB", voice: null },
      bot: {
        kind: "open_ai",
        model: "m",
        instructions: "i",
        voice: null,
        greeting: "g",
        fallback: "f",
      },
      waiting: { text: "", language: null, voice: null, every_seconds: 20, give_up_seconds: 120 },
    },
  ];
  for (const settings of all) expect(settingsOf(answeringOf(settings), settings)).toEqual(settings);
});
