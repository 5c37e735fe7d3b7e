import { makeCall } from "@partyline/client/testing/records";
import { NO_RECEPTION } from "@partyline/client/reception";
import { expect, test } from "vitest";
import { callerOf, lengthMs, matches, phone } from "./call.ts";
import { eventWords } from "./event.ts";
import { describeChanges, pausedBanner } from "./feed.ts";
import { announceMonitor, describeMonitor } from "./monitor.ts";
import { describeListenProblem, describeSignInProblem } from "./problem.ts";
import { clock, isoDuration, span } from "./time.ts";

test.each([
  [0, "0:00", "0 s", "PT0S"],
  [7_900, "0:07", "7 s", "PT7S"],
  [130_000, "2:10", "2 min 10 s", "PT130S"],
  [3_599_999, "59:59", "59 min 59 s", "PT3599S"],
  [3_723_000, "1:02:03", "1 h 2 min", "PT3723S"],
  [-5000, "0:00", "0 s", "PT0S"],
  [Number.NaN, "0:00", "0 s", "PT0S"],
])("%d ms is read as %s", (ms, short, words, iso) => {
  expect([clock(ms), span(ms), isoDuration(ms)]).toEqual([short, words, iso]);
});

const live = (delayMs: number | null) =>
  ({ kind: "live", reception: { ...NO_RECEPTION, delayMs } }) as const;

test("the delay is said to ten milliseconds, and left out before it is known", () => {
  expect(describeMonitor(live(214), 0)).toBe("Live, 210 ms behind the phone");
  expect(describeMonitor(live(null), 0)).toBe("Live");
});

test("every state has its words", () => {
  expect(describeMonitor({ kind: "idle" }, 0)).toBe("Not listening");
  expect(describeMonitor({ kind: "connecting" }, 0)).toBe("Connecting…");
  expect(describeMonitor({ kind: "reconnecting", heard: true, problem: null, retryAt: null }, 0)).toBe(
    "Reconnecting…",
  );
  expect(
    describeMonitor(
      {
        kind: "reconnecting",
        heard: false,
        problem: { kind: "unavailable", retryAfterSeconds: 3 },
        retryAt: 2500,
      },
      0,
    ),
  ).toBe("No audio yet. The gateway has no room for another listener right now. Trying again in 3 s.");
  expect(describeMonitor({ kind: "ended", callGoesOn: false }, 0)).toBe("Call ended");
  expect(describeMonitor({ kind: "ended", callGoesOn: true }, 0)).toContain("The call goes on");
  expect(describeMonitor({ kind: "stopped" }, 0)).toBe("Stopped. The call goes on.");
  expect(describeMonitor({ kind: "failed", problem: { kind: "no_media" } }, 0)).toContain("Is UDP");
});

test("what is read aloud does not change each second", () => {
  expect(announceMonitor(live(200))).toBe(announceMonitor(live(300)));
  expect(announceMonitor({ kind: "idle" })).toBe("");
});

test("problems say what a person can do", () => {
  expect(describeSignInProblem({ kind: "signed_out" })).toBe("E-mail or password is wrong.");
  expect(describeSignInProblem({ kind: "too_many", retryAfterSeconds: 75 })).toBe(
    "Too many attempts. Try again in 1 min 15 s.",
  );
  expect(describeListenProblem({ kind: "conflict", code: "call_not_live", detail: "x" })).toBe(
    "This call has no live audio.",
  );
  expect(describeListenProblem({ kind: "forbidden", detail: "agents hear their own calls" })).toBe(
    "Agents hear their own calls.",
  );
  expect(describeListenProblem({ kind: "refused", status: 418, detail: "" })).toContain("418");
});

test("numbers have spaces where their plan is known", () => {
  expect(phone("+14155550101")).toBe("+1 415 555 0101");
  expect(phone("+442079460018")).toBe("+44 20 7946 0018");
  expect(phone("+4930123456")).toBe("+4930123456");
  expect(phone("")).toBe("Unknown number");
});

test("a call is named by its caller, else by the number", () => {
  expect(callerOf(makeCall({ caller_name: "Ada" }))).toBe("Ada");
  expect(callerOf(makeCall())).toBe("+1 415 555 0101");
});

test("a call's length counts from the answer, and stands still after the end", () => {
  const call = makeCall({ started_at: "2026-11-20T12:00:00Z", answered_at: "2026-11-20T12:00:10Z" });
  const now = Date.parse("2026-11-20T12:01:00Z");
  expect(lengthMs(call, now)).toBe(50_000);
  expect(lengthMs({ ...call, answered_at: null }, now)).toBe(60_000);
  expect(lengthMs({ ...call, ended_at: "2026-11-20T12:00:30Z" }, now)).toBe(20_000);
});

test("a call is found by name, by digits however written, and by tag", () => {
  const call = makeCall({ caller_name: "Ada Byron", tags: ["Refund"] });
  for (const query of ["", " ada ", "415 555", "(415) 555-0101", "refund", "CA1"]) {
    expect(matches(call, query), query).toBe(true);
  }
  for (const query of ["bob", "999"]) expect(matches(call, query), query).toBe(false);
});

test("the paused banner tells age and next try", () => {
  const feed = { kind: "paused", since: 0, retryAt: 16_000 } as const;
  expect(pausedBanner(feed, 12_000)).toBe("Live list paused, 12 s old, next try in 4 s");
  expect(pausedBanner({ ...feed, retryAt: null }, 12_000)).toBe("Live list paused, 12 s old, reconnecting");
});

test("many changes are one sentence", () => {
  expect(describeChanges(3, 1)).toBe("3 new calls, 1 call ended");
  expect(describeChanges(0, 0)).toBe("");
});

test("events are lines, and one that is not known keeps its own name", () => {
  const words = (type: string, data: Record<string, unknown> = {}) => {
    const event = { seq: 1, type, at: "", data } as unknown as Parameters<typeof eventWords>[0];
    const { text, detail } = eventWords(event);
    return detail === "" ? text : `${text} · ${detail}`;
  };
  const mara = { user: { id: "usr_1", name: "Mara" } };
  expect(words("call.media", { live: true })).toBe("Audio arrives");
  expect(words("call.media", { live: false, reason: "stopped" })).toBe("Audio stopped · stopped");
  expect(words("call.media", { dtmf: "5" })).toBe("Key 5 pressed");
  expect(words("call.media", { twilio_event: "stream-error", error: "31920" })).toBe(
    "Twilio: stream error · 31920",
  );
  expect(words("session.started", { ...mara, mode: "listen" })).toBe("Mara began to listen");
  expect(words("session.ended", { ...mara, reason: "lost" })).toBe("Mara left · connection lost");
  expect(words("call.updated", { changed: { is_urgent: true }, ...mara })).toBe(
    "Details changed · is urgent, by Mara",
  );
  expect(words("call.updated", { twilio_status: "ringing" })).toBe("Twilio says ringing");
  expect(words("call.ended", { twilio_status: "no-answer" })).toBe("Call ended · no-answer");
  expect(words("call.dreamt")).toBe("call.dreamt");
});
