// Takes pictures of every room and state, and listens to a real WebRTC call between two pages of Chromium.
// `npm run build && node dev/look.mjs [folder]`
import { makeCall } from "./mockServer.mjs";
import { openStage } from "./stage.mjs";

const stage = await openStage("partyline-look");
const { mock, gateway, requests, page, shots, WIDE } = stage;

await page.goto(mock.url);
await page.getByRole("heading", { name: "Sign in" }).waitFor();
await shots("01-sign-in");
await page.getByLabel("E-mail").fill("mara@example.com");
for (const password of ["wrong", "wrong", "wrong", "wrong"]) {
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page
    .getByRole("alert")
    .getByText(/wrong|Too many/)
    .waitFor();
  if (mock.attempts === 1) await shots("02-sign-in-wrong");
}
await page.getByText(/Too many attempts/).waitFor();
await shots("03-sign-in-too-many");
mock.attempts = 0;
await page.getByLabel("Password").fill("correct horse");
await page.keyboard.press("Enter");
await page.getByText("All quiet").waitFor();
await shots("04-empty");

const names = [
  "Ada Byron",
  null,
  "Grace Okonkwo",
  null,
  "Ole Ångström",
  null,
  "Wilhelmina van der Meer-Oppenheimer",
  null,
];
for (const [index, name] of names.entries()) {
  mock.place(makeCall(index + 2, { caller_name: name, listeners: index % 3 === 0 ? index : 0 }));
}
const heard = makeCall(6, { caller_name: "Ole Ångström", tags: ["refund", "second call"] });
mock.change(makeCall(5).id, { is_urgent: true });
mock.place(
  makeCall(1, { status: "incoming", answered_at: null, media: { live: false, tracks: [], gateway: null } }),
);
mock.change(makeCall(9).id, { status: "completed", ended_at: new Date().toISOString() }, "call.ended");
await page.getByText("1 415 555 0103").first().waitFor();
await page.waitForTimeout(500);
await shots("05-list");

mock.dropSockets();
mock.refuseSockets = true;
await page.getByText(/Live list paused/).waitFor();
await page.waitForTimeout(3000);
await shots("06-list-paused");
mock.refuseSockets = false;
await page.getByRole("button", { name: "Try now" }).click();
await page.getByText("Up to date").waitFor();

mock.change(heard.id, heard);
await page.keyboard.press("j");
await page.locator(`[data-row="${heard.id}"]`).focus();
await page.keyboard.press("Enter");
await page.getByRole("heading", { name: "Ole Ångström" }).waitFor();
await page.waitForTimeout(400);
await shots("07-call-idle");

mock.sessionProblem = [409, "call_not_live", "The call has no live audio."];
await page.getByRole("button", { name: /Listen/ }).click();
await page.locator('[data-player][data-state="failed"]').waitFor();
await shots("08-call-error");
mock.sessionProblem = null;

await page.getByRole("button", { name: /Listen/ }).click();
await page.getByText(/no room for another listener/).waitFor();
await shots("09-call-busy");
mock.whep = stage.whep;
await page.locator('[data-player][data-state="live"]').waitFor({ timeout: 15_000 });
mock.change(heard.id, { listeners: 1 }, "session.started", {
  user: { name: "Mara Lindqvist" },
  mode: "listen",
});
await page.getByText(/ms behind the phone/).waitFor();
await page.waitForTimeout(2500);
await shots("10-call-live");
await page.setViewportSize(WIDE);
console.log("player:", await page.locator("[data-player]").evaluate((player) => ({ ...player.dataset })));
console.log(
  "levels:",
  await page.getByRole("meter").evaluateAll((all) => all.map((one) => one.ariaValueText)),
);
console.log("tones:", await page.evaluate(tones));

await page.keyboard.press("?");
await shots("11-shortcuts");
await page.keyboard.press("Escape");
await page.locator("[data-row]").first().click();
await page.getByRole("complementary", { name: "Listening elsewhere" }).waitFor();
await shots("12-listening-elsewhere");
await page.locator(`[data-row="${heard.id}"]`).click();

await gateway.evaluate(() => globalThis.gatewayPeer.close());
await page.locator('[data-player][data-state="reconnecting"]').waitFor({ timeout: 20_000 });
await shots("13-call-reconnecting", ["wide-light"]);
await page.locator('[data-player][data-state="live"]').waitFor({ timeout: 20_000 });
mock.change(heard.id, { status: "completed", ended_at: new Date().toISOString() }, "call.ended", {
  duration_seconds: 282,
});
await page.getByText("Call ended").first().waitFor();
await page.waitForTimeout(600);
await shots("14-call-ended");
console.log("gateway:", requests.join(", "));

await page.goto(`${mock.url}/calls/call_nowhere`);
await page.getByText("There is no such call").waitFor();
await shots("15-no-such-call");
mock.activeStatus = 403;
mock.refuseSockets = true;
await page.goto(`${mock.url}/calls`);
await page.getByText("You may not see live calls").waitFor();
await shots("16-forbidden");
await mock.close();
await page.reload().catch(() => undefined);
await stage.close();

/** Goertzel on half a second of what is received: [450 Hz, 700 Hz] left, then right. */
async function tones() {
  const stream = globalThis.partylineDebug.stream();
  const context = new AudioContext();
  const source = context.createMediaStreamSource(stream);
  const splitter = context.createChannelSplitter(2);
  source.connect(splitter);
  const sides = [0, 1].map((side) => {
    const analyser = new AnalyserNode(context, { fftSize: 16384 });
    splitter.connect(analyser, side);
    return analyser;
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const powers = sides.map((analyser) => {
    const samples = new Float32Array(16384);
    analyser.getFloatTimeDomainData(samples);
    return [450, 700].map((hertz) => {
      const w = 2 * Math.cos((2 * Math.PI * hertz) / context.sampleRate);
      let [a, b] = [0, 0];
      for (const sample of samples) [a, b] = [sample + w * a - b, a];
      return Number((Math.sqrt(Math.abs(a * a + b * b - w * a * b)) / 8192).toFixed(4));
    });
  });
  await context.close();
  return powers;
}
