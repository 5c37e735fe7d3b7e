import type { Analytics } from "@partyline/client/contract";
import { act, fireEvent, screen, within } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import { localHours, readSpan } from "../state/useAnalytics.ts";
import { type Parts, makeParts, renderConsole } from "../testing/renderConsole.tsx";

let parts: Parts;
const figures = (calls: number, answered: number): Analytics["totals"] => ({
  calls,
  answered,
  handled: 1,
  needs_attention: 0,
  talk_seconds: 3720,
  average_duration_seconds: 185.4,
  by_status: { no_answer: 1, completed: 3, rerouted: 2 },
  durations: {
    under_30_seconds: 1,
    under_2_minutes: 2,
    under_5_minutes: 0,
    under_15_minutes: 0,
    longer: 1,
  },
});
const analytics: Analytics = {
  from: "2026-11-19T00:00:00Z",
  to: "2026-11-21T00:00:00Z",
  bucket: "day",
  totals: figures(6, 4),
  series: [
    { ...figures(2, 1), at: "2026-11-19T00:00:00Z" },
    { ...figures(4, 3), at: "2026-11-20T00:00:00Z" },
  ],
  hours_of_day: Array.from({ length: 24 }, (_, hour) => (hour === 9 ? 6 : 0)),
};

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-20T12:02:10Z") });
  parts = makeParts();
  parts.answers.analytics = analytics;
});

const settle = () => act(() => vi.advanceTimersByTimeAsync(0));
async function open(address = "/analytics") {
  const page = await renderConsole(parts, address);
  await settle();
  return page;
}

test("figures, days and ends stand there, also as tables", async () => {
  await open();
  const stat = (name: string) => screen.getByText(name, { selector: "dt" }).nextElementSibling?.textContent;
  expect(stat("Calls")).toBe("6");
  expect(stat("Answered")).toBe("67 %");
  expect(stat("Average length")).toBe("3:05");
  expect(stat("Talked, together")).toBe("1 h 2 min");
  const days = within(screen.getByRole("figure", { name: "Calls by day" })).getAllByRole("row");
  expect(days.map((row) => row.textContent)).toEqual(["DayCallsAnswered", "19 Nov21", "20 Nov43"]);
  const ends = screen.getByRole("region", { name: "How they ended" });
  expect([...ends.querySelectorAll("dt")].map((one) => one.textContent)).toEqual([
    "Completed",
    "rerouted",
    "No answer",
  ]);
});

test("the span stands in the address, and is asked for to the bucket", async () => {
  const { router } = await open();
  expect(parts.done).toContain('analytics {"bucket":"day","from":"2026-10-22T12:02:10.000Z"}');
  fireEvent.click(screen.getByRole("radio", { name: "24 hours" }));
  await settle();
  expect(parts.done).toContain('analytics {"bucket":"hour","from":"2026-11-19T13:02:10.000Z"}');
  expect(router.state.location.search).toEqual({ span: "day" });
});

test("a time without calls says so", async () => {
  parts.answers.analytics = { ...analytics, totals: figures(0, 0) };
  await open();
  expect(screen.getByText("No calls in this time")).toBeTruthy();
});

test("what cannot be shown says why", async () => {
  parts.answers.analytics = { kind: "forbidden", detail: "" };
  await open();
  expect(screen.getByRole("alert").textContent).toContain("Cannot show the figures");
});

test("hours are those of the person's clock", () => {
  const utc = Array.from({ length: 24 }, (_, hour) => (hour === 23 ? 5 : 0));
  expect(localHours(utc, 0).indexOf(5)).toBe(23);
  expect(localHours(utc, -60).indexOf(5)).toBe(0);
  expect(localHours(utc, 300).indexOf(5)).toBe(18);
  expect(localHours(utc, -345).indexOf(5)).toBe(5);
});

test("an address names a span, or none that is known", () => {
  expect(readSpan({ span: "week" })).toEqual({ span: "week" });
  expect(readSpan({ span: "month" })).toEqual({});
  expect(readSpan({ span: "year" })).toEqual({});
});
