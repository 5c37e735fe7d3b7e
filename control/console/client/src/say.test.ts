// @vitest-environment node
import { beforeEach, expect, test } from "vitest";
import { ApiError } from "./problem.ts";
import { SayBox } from "./say.ts";

let answers: ((id: string) => void)[];
let refuse: ((error: ApiError) => void)[];
let cancelled: (string | null)[];
let box: SayBox;

beforeEach(() => {
  [answers, refuse, cancelled] = [[], [], []];
  box = new SayBox({
    say: () =>
      new Promise((resolve, reject) => {
        answers.push(resolve);
        refuse.push(reject);
      }),
    cancel: (id) => {
      cancelled.push(id);
      return Promise.resolve();
    },
  });
});

const states = () => box.lines.get().map(({ state }) => state);
const end = (say: string, word: string) => box.take({ type: "message.sent", data: { say, end: word } });

test("lines are spoken one after the other, and it is said of each how it went", async () => {
  const first = box.say("One moment, please.");
  const second = box.say("I am with you now.");
  expect(states()).toEqual(["sending", "sending"]);
  answers[0]?.("say_1");
  answers[1]?.("say_2");
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(states()).toEqual(["speaking", "queued"]);
  end("say_1", "spoken");
  expect(states()).toEqual(["spoken", "speaking"]);
  end("say_2", "interrupted");
  expect(states()).toEqual(["spoken", "interrupted"]);
});

test("an end that is faster than the answer is not forgotten", async () => {
  const said = box.say("Hello.");
  end("say_1", "spoken");
  answers[0]?.("say_1");
  await said;
  expect(states()).toEqual(["spoken"]);
});

test("what control does not take says why", async () => {
  const said = box.say("Hello.");
  refuse[0]?.(new ApiError({ kind: "conflict", code: "call_cannot_be_joined", detail: "" }));
  expect(await said).toBe(false);
  expect(box.lines.get()[0]).toMatchObject({
    state: "failed",
    problem: { kind: "conflict", code: "call_cannot_be_joined" },
  });
});

test("one is cancelled by its id, all without", async () => {
  const said = box.say("Hello.");
  expect(await box.cancel(0)).toBeNull();
  expect(cancelled).toEqual([]);
  answers[0]?.("say_1");
  await said;
  await box.cancel(0);
  await box.cancelAll();
  expect(cancelled).toEqual(["say_1", null]);
});

test("words of other kinds, of other lines and without meaning change nothing", async () => {
  const said = box.say("Hello.");
  answers[0]?.("say_1");
  await said;
  box.take({ type: "call.updated", data: { say: "say_1", end: "spoken" } });
  end("say_7", "spoken");
  box.take({ type: "message.sent", data: { say: "say_1" } });
  expect(states()).toEqual(["speaking"]);
  end("say_1", "shouted");
  expect(states()).toEqual(["failed"]);
});

test("with the call its lines are over", async () => {
  const said = box.say("Hello.");
  answers[0]?.("say_1");
  await said;
  box.end();
  expect(states()).toEqual(["call_ended"]);
});

test("the oldest lines are forgotten", () => {
  for (let n = 0; n < 60; n += 1) void box.say(`line ${n}`);
  expect(box.lines.get()).toHaveLength(50);
  expect(box.lines.get()[0]?.text).toBe("line 10");
});
