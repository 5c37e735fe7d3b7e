import type { TranscriptLine } from "@partyline/client/contract";
import { makeCall } from "@partyline/client/testing/records";
import { act, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";

let parts: Parts;
const line = (changes: Partial<TranscriptLine> = {}): TranscriptLine => ({
  id: 1,
  speaker: "customer",
  text: "I want it back.",
  is_final: true,
  at: "2026-11-20T12:00:10Z",
  ...changes,
});
const over = makeCall({ status: "completed", ended_at: "2026-11-20T12:01:00Z" });

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.answers.call = over;
});

const settle = () => act(() => vi.advanceTimersByTimeAsync(10));
const log = () => screen.getByRole("log", { name: "Transcript" });

test("what was said is there, with who said it and what is not sure", async () => {
  parts.answers.transcript = [
    line(),
    line({ id: 2, speaker: "agent", name: "Robo", text: "Of course.", confidence: 0.4 }),
  ];
  await renderConsole(parts, "/records/call_1");
  await settle();
  const lines = within(log()).getAllByRole("listitem");
  expect(lines.map((one) => one.dataset["speaker"])).toEqual(["customer", "agent"]);
  expect(lines[0]?.textContent).toContain("Caller");
  expect(lines[1]?.textContent).toContain("Robo");
  expect(within(log()).getByText("Of course.").dataset["unsure"]).toBe("true");
});

test("a call of which nothing was written down has no transcript", async () => {
  await renderConsole(parts, "/records/call_1");
  await settle();
  expect(screen.queryByRole("heading", { name: "Transcript" })).toBeNull();
});

test("while a call goes on, lines come as they are said, and are not read aloud over it", async () => {
  parts.list.set({ ...parts.list.get(), rows: [rowOf(makeCall())] });
  const interim = line({ id: 2, text: "I wa", is_final: false });
  const events = [line({ text: "Hello." }), interim].map(
    (one, at) => `id: ${at + 1}\nevent: line\ndata: ${JSON.stringify(one)}\n\n`,
  );
  const body = new ReadableStream<Uint8Array>({
    start: (stream) => stream.enqueue(new TextEncoder().encode(events.join(""))),
  });
  parts.answers.speaking = Promise.resolve(new Response(body));
  await renderConsole(parts, "/calls/call_1");
  await settle();
  const lines = within(log()).getAllByRole("listitem");
  expect(lines.map((one) => one.dataset["final"])).toEqual(["true", "false"]);
  expect(log().getAttribute("aria-live")).toBe("off");
});
