import { readFileSync } from "node:fs";
import { join } from "node:path";

import { inbound, isHeard, listen, record, row, signIn } from "./page.ts";
import { Partyline, expect, test } from "./partyline.ts";
import { amplitudeOf, followedMatch, fromMuLaw, rms, to8k } from "./sound.ts";

test("the caller is heard left and the agent right, and nothing is lost", async ({ page, partyline }) => {
  partyline.call({ caller: "tone:450", agent: "tone:700" });
  await signIn(page, partyline);
  await listen(page);

  const { left, right, rate } = await record(page, 3);
  for (const [samples, own, other] of [
    [left, 450, 700],
    [right, 700, 450],
  ] as const) {
    const heard = amplitudeOf(own, samples, rate);
    expect(heard, `${own} Hz`).toBeGreaterThan(0.05);
    expect(amplitudeOf(other, samples, rate), `${other} Hz on ${own}'s side`).toBeLessThan(heard / 100);
  }
  const stats = await inbound(page);
  expect(stats.packetsLost).toBe(0);
  expect(stats.packetsReceived).toBeGreaterThan(100);
  expect(await partyline.metric("partyline_encoders_active")).toBe(1);
});

test("speech arrives as it was spoken", async ({ page, partyline }) => {
  const file = "broken-router-caller.ulaw";
  partyline.call({ caller: file, agent: "tone:700" });
  await signIn(page, partyline);
  await listen(page);

  const { left } = await record(page, 12);
  const heard = to8k(left);
  const spoken = fromMuLaw(readFileSync(join(import.meta.dirname, "../../loadtest/voices", file)));
  // The voice plays in a loop: some of it again, so that a piece may begin anywhere.
  const twice = new Float32Array([...spoken, ...spoken.subarray(0, 3 * 8000)]);

  let pieces = 0;
  // Where in the voice the recording begins, once that is known.
  let origin: number | undefined;
  // The first two seconds are the jitter buffer finding its length.
  for (let start = 2 * 8000; start + 8000 <= heard.length; start += 8000) {
    const piece = heard.subarray(start, start + 8000);
    if (rms(piece) < 0.005) continue;
    const expected = origin === undefined ? undefined : (origin + start) % spoken.length;
    const [from, to] = expected === undefined ? [0, spoken.length] : [expected - 800, expected + 800];
    const match = followedMatch(piece, twice, from, to);
    expect(match.score, `the second from ${start / 8000} s`).toBeGreaterThan(0.9);
    origin = match.at - start + 2 * spoken.length;
    pieces += 1;
  }
  expect(pieces).toBeGreaterThan(4);
});

test("the encoder goes with the last listener and comes with the next", async ({ page, partyline }) => {
  partyline.call({ caller: "tone:450", agent: "tone:700" });
  await signIn(page, partyline);
  await listen(page);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(page.getByText(/Stopped/).first()).toBeVisible();
  await expect.poll(() => partyline.metric("partyline_encoders_active")).toBe(0);
  await page.getByRole("button", { name: "Listen" }).click();
  await isHeard(page);
  expect(await partyline.metric("partyline_encoders_active")).toBe(1);
});

test("beyond the encoders a call is heard as the telephone has it, and the page says so", async ({ page }) => {
  const settings = { PARTYLINE_GATEWAY_THREADS: "1", PARTYLINE_GATEWAY_ENCODERS: "1" };
  const partyline = await Partyline.start(undefined, settings);
  try {
    partyline.call({ caller: "tone:450", agent: "tone:700", from: "+15550199001" });
    partyline.call({ caller: "tone:500", agent: "tone:750", from: "+15550199002" });
    await signIn(page, partyline);
    await listen(page, "019 9001");
    const second = await page.context().newPage();
    await second.goto(partyline.console);
    await listen(second, "019 9002");
    await expect(second.getByText("Phone-grade audio")).toBeVisible();
    await expect(page.getByText("Phone-grade audio")).toBeHidden();

    const { left, rate } = await record(second, 3);
    for (const own of [500, 750]) expect(amplitudeOf(own, left, rate), `${own} Hz`).toBeGreaterThan(0.05);
    for (const other of [450, 700]) expect(amplitudeOf(other, left, rate), `${other} Hz`).toBeLessThan(0.001);
    const stats = await inbound(second);
    expect(stats.packetsLost).toBe(0);
    expect(stats.packetsReceived).toBeGreaterThan(100);
    expect(await partyline.metric("partyline_encoders_active")).toBe(1);
  } finally {
    await partyline.stop();
  }
});

test("a call that ends says so, and another page of the list goes on", async ({ page, partyline }) => {
  partyline.call({ caller: "tone:450", agent: "tone:700", from: "+15550199002" });
  partyline.call({ caller: "tone:500", agent: "tone:750", seconds: 8, from: "+15550199001" });
  await signIn(page, partyline);
  await listen(page);
  await expect(page.getByText("Call ended").first()).toBeVisible({ timeout: 15_000 });
  await expect(row(page, "019 9002")).toBeVisible();
});

test("a killed process leaves no call in progress for ever, and its records are whole", async ({ page }) => {
  test.setTimeout(150_000);
  const before = await Partyline.start();
  for (let n = 1; n <= 5; n++) before.call({ caller: "tone:450", agent: "tone:700", from: `+1555019900${n}` });
  await signIn(page, before);
  await expect(row(page, "019 900\\d")).toHaveCount(5);
  await before.kill();

  const after = await Partyline.start(before.dataDir);
  try {
    // The sign-in is older than the crash and still good.
    await page.goto(after.console);
    // What Twilio does not mention any more is asked for after a minute, and Twilio knows of none.
    await expect(page.getByText("All quiet")).toBeVisible({ timeout: 80_000 });
    const calls = await after.records();
    expect(calls).toHaveLength(5);
    for (const call of calls) {
      expect(call).toMatchObject({ status: "completed", customer_number: expect.stringMatching(/^\+1555019900\d$/) });
      expect(Date.parse(call.ended_at)).toBeGreaterThanOrEqual(Date.parse(call.answered_at));
      expect(call.duration_seconds).toBeGreaterThanOrEqual(0);
    }
  } finally {
    await after.stop();
    await before.stop();
  }
});
