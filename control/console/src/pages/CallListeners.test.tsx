import type { Hearing } from "@partyline/client/contract";
import type { Problem } from "@partyline/client/problem";
import { makeCall, makeHearing, makeQuality } from "@partyline/client/testing/records";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { type Parts, makeParts, renderConsole, rowOf } from "../testing/renderConsole.tsx";

let parts: Parts;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.list.set({ ...parts.list.get(), rows: [rowOf(makeCall())] });
});

const card = () => screen.getByRole("region", { name: "Who hears it" });
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

const refused: Problem = { kind: "refused", status: 418, detail: "No." };
const states: [string, Hearing[] | Problem | null, string][] = [
  ["asked for", null, "Loading…"],
  ["empty", [], "Nobody."],
  ["refused", refused, "Try again"],
  ["new", [makeHearing({ quality: null })], "No report yet"],
  ["good", [makeHearing()], "Hears well · at least 21 ms behind · nothing lost · jitter 2 ms"],
  [
    "without a round trip",
    [makeHearing({ quality: makeQuality({ mos: null, behind_ms: null, loss_ratio: 0.0004 }) })],
    "Measuring · under 0.1 % lost · jitter 2 ms",
  ],
  ["fair", [makeHearing({ quality: makeQuality({ mos: 3.6, loss_ratio: 0.03 }) })], "Hears fairly"],
  ["poor", [makeHearing({ quality: makeQuality({ mos: 1.9, loss_ratio: 0.25 }) })], "25.0 % lost"],
  [
    "silent",
    [makeHearing({ quality: makeQuality({ reported_at: "2026-11-20T12:01:40Z" }) })],
    "No report for 30 s",
  ],
  ["of another mode", [makeHearing({ mode: "join" })], "Mara Lindqvist has joined"],
];

test.each(states)("a list that is %s says so", async (_, listeners, words) => {
  parts.answers.listeners = listeners;
  await renderConsole(parts, "/calls/call_1");
  await pass(0);
  expect(card().textContent).toContain(words);
});

test("it is asked for again while somebody looks", async () => {
  parts.answers.listeners = refused;
  await renderConsole(parts, "/calls/call_1");
  await pass(0);
  parts.answers.listeners = [];
  fireEvent.click(within(card()).getByRole("button", { name: "Try again" }));
  await pass(0);
  expect(card().textContent).toContain("Nobody.");
  parts.answers.listeners = [makeHearing()];
  await pass(5500);
  expect(card().textContent).toContain("Mara Lindqvist listens");
});

test("a call that is over is heard by nobody", async () => {
  parts.show([rowOf(makeCall({ status: "completed", ended_at: "2026-11-20T12:02:00Z" }))]);
  await renderConsole(parts, "/calls/call_1");
  await pass(0);
  expect(screen.queryByRole("region", { name: "Who hears it" })).toBeNull();
});
