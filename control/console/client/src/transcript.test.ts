// @vitest-environment node
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EventParser, TranscriptReader } from "./transcript.ts";

const line = (id: number, text: string, changes = {}) => ({
  id,
  text,
  speaker: "customer",
  is_final: true,
  at: "2026-11-20T12:00:00Z",
  ...changes,
});
const event = (revision: number, body: object) =>
  `id: ${revision}\nevent: line\ndata: ${JSON.stringify(body)}\n\n`;
const END = "event: end\ndata: {}\n\n";

/** A server whose answers are played one after the other; null keeps the last one open. */
function play(...answers: (string | Response)[]) {
  const asked: (string | null)[] = [];
  const reader = new TranscriptReader((lastEventId) => {
    asked.push(lastEventId);
    const answer = answers.shift();
    if (answer === undefined) return new Promise(() => undefined);
    return Promise.resolve(typeof answer === "string" ? new Response(answer) : answer);
  });
  return { reader, asked, texts: () => reader.state.get().lines.map(({ text }) => text) };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("events are read in pieces that end anywhere, with comments and both line ends", () => {
  const parser = new EventParser();
  const text = `retry: 2000\n\n: alive\n\nid: 7\r\nevent: line\r\ndata: a\r\ndata: b\r\n\r\n${END}`;
  const events = [...text].flatMap((letter) => parser.push(letter));
  expect(events).toEqual([
    { type: "line", id: "7", data: "a\nb" },
    { type: "end", id: null, data: "{}" },
  ]);
});

test("lines come in order, a line takes the place of its older self, and the end is told", async () => {
  const interim = line(2, "I wa", { is_final: false });
  const { reader, texts } = play(
    event(1, line(1, "Hello")) + event(2, interim) + event(4, line(2, "I want it back")) + END,
  );
  reader.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(texts()).toEqual(["Hello", "I want it back"]);
  expect(reader.state.get().kind).toBe("over");
});

test("a lost connection is opened again behind what was read", async () => {
  const { reader, asked, texts } = play(
    event(1, line(1, "Hello")),
    event(5, line(2, "Still there?")) + END,
  );
  reader.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(reader.state.get().kind).toBe("paused");
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual([null, "1"]);
  expect(texts()).toEqual(["Hello", "Still there?"]);
});

test("what will not pass is not tried again, what may is", async () => {
  const refused = play(new Response(null, { status: 403 }));
  refused.reader.start();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(refused.reader.state.get()).toMatchObject({ kind: "problem", problem: { kind: "forbidden" } });
  expect(refused.asked).toHaveLength(1);
  const busy = play(new Response(null, { status: 503 }), new Response(null, { status: 204 }));
  busy.reader.start();
  await vi.advanceTimersByTimeAsync(1000);
  expect(busy.reader.state.get()).toMatchObject({ kind: "over", problem: null });
});

test("nonsense between the lines is left out", async () => {
  const { reader, texts } = play(
    `event: line\ndata: {"id":"x"}\n\nevent: line\ndata: <html>\n\n${event(3, line(1, "Hello"))}${END}`,
  );
  reader.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(texts()).toEqual(["Hello"]);
});

test("who stops is asked of no more", async () => {
  const { reader, asked } = play(event(1, line(1, "Hello")));
  reader.start();
  await vi.advanceTimersByTimeAsync(0);
  reader.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(1);
});
