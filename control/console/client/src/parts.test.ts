// @vitest-environment node
import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";
import { Cell } from "./cell.ts";
import { FLOOR_DB, Needle, levelDb } from "./levels.ts";
import { problemOf, retryAfter } from "./problem.ts";
import { ReceptionMeter } from "./reception.ts";
import { routing } from "./sound.ts";

test("a cell tells of a change, and not of the same again", () => {
  const cell = new Cell(1);
  const seen: number[] = [];
  const leave = cell.subscribe(() => seen.push(cell.get()));
  cell.set(2);
  cell.set(2);
  leave();
  cell.set(3);
  expect(seen).toEqual([2]);
});

test("waits double, half of each is chance, and none passes the limit", () => {
  const waits = (random: number) =>
    [0, 1, 2, 50].map((attempt) => backoffMs(attempt, { firstMs: 100, longestMs: 1000 }, () => random));
  expect(waits(0)).toEqual([50, 100, 200, 500]);
  expect(waits(1)).toEqual([100, 200, 400, 1000]);
});

test("a wait is read in both its forms, and nonsense is none", () => {
  const of = (text: string) => retryAfter(new Response(null, { headers: { "retry-after": text } }), 0);
  expect(of("3")).toBe(3);
  expect(of("Thu, 01 Jan 1970 00:00:10 GMT")).toBe(10);
  expect(of("Wed, 31 Dec 1969 23:59:00 GMT")).toBe(0);
  expect(of("99999999")).toBe(3600);
  expect(of("soon")).toBeNull();
});

test("a problem without a readable body is still a problem", async () => {
  await expect(problemOf(new Response("<html>", { status: 502 }))).resolves.toEqual({
    kind: "unavailable",
    retryAfterSeconds: null,
  });
  const huge = new Response(JSON.stringify({ detail: "x".repeat(5000) }), { status: 418 });
  await expect(problemOf(huge)).resolves.toEqual({ kind: "refused", status: 418, detail: "x".repeat(300) });
});

test("the level of a full sine is three below full scale, and of silence the floor", () => {
  const sine = Float32Array.from({ length: 1024 }, (_, at) => Math.sin((2 * Math.PI * 8 * at) / 1024));
  expect(levelDb(sine)).toBeCloseTo(-3.01, 2);
  expect(levelDb(new Float32Array(1024))).toBe(FLOOR_DB);
});

test("a needle rises at once, falls slowly, and remembers speech through a pause", () => {
  const needle = new Needle();
  expect(needle.move(-10, 1000)).toBe(-10);
  expect(needle.move(FLOOR_DB, 1500)).toBe(-28);
  expect(needle.speaking(1600)).toBe(true);
  expect(needle.speaking(1601)).toBe(false);
});

test("solo brings one voice to both ears", () => {
  expect(routing({ volume: 1, solo: "both", oneEar: false })).toEqual([1, 0, 0, 1]);
  expect(routing({ volume: 1, solo: "caller", oneEar: false })).toEqual([1, 1, 0, 0]);
  expect(routing({ volume: 1, solo: "agent", oneEar: true })).toEqual([0, 0, 1, 1]);
  expect(routing({ volume: 1, solo: "agent", oneEar: false }, "together")).toEqual([1, 1, 0, 0]);
});

test("while nothing is sent the delay stands, and no figure is ever below nought", () => {
  const meter = new ReceptionMeter();
  const report = (delay: number, emitted: number, lost: number) =>
    [
      {
        type: "inbound-rtp",
        kind: "audio",
        jitterBufferDelay: delay,
        jitterBufferEmittedCount: emitted,
        packetsLost: lost,
      },
      { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.01 },
      { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 },
    ] as unknown as RTCStatsReport;
  expect(meter.read(report(0, 0, 0), 0).delayMs).toBeNull();
  expect(meter.read(report(50, 1000, -2), 0)).toMatchObject({ delayMs: 75, packetsLost: 0 });
  expect(meter.read(report(50, 1000, 0), 0).delayMs).toBe(75);
});
