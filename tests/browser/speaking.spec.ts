import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium as launcher, type Browser, type Page } from "@playwright/test";

import { chromium } from "./chromium.ts";
import { isHeard, row, signIn } from "./page.ts";
import { Partyline, TENANT, expect, freeAddress, test as base } from "./partyline.ts";
import { amplitudeOf, fromMuLaw } from "./sound.ts";

/** What the microphone of these tests says, in Hz. */
const VOICE = 1150;
/** What the caller says. */
const CALLER = 450;

/** A WAV of one tone, for Chromium's fake microphone, which plays it in a loop. */
function microphone(): string {
  const rate = 48_000;
  // Whole periods: the loop has no click.
  const samples = Int16Array.from({ length: rate }, (_, n) => 0.5 * 32_767 * Math.sin((2 * Math.PI * VOICE * n) / rate));
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.byteLength, 40);
  const file = join(mkdtempSync(join(tmpdir(), "partyline-microphone-")), "voice.wav");
  writeFileSync(file, Buffer.concat([head, Buffer.from(samples.buffer)]));
  return file;
}

/** A browser whose microphone plays that tone. */
const test = base.extend<{ speaking: Page }>({
  speaking: async ({}, use) => {
    const { launchOptions } = chromium;
    const args = [...launchOptions.args, `--use-file-for-fake-audio-capture=${microphone()}`];
    const browser: Browser = await launcher.launch({ ...launchOptions, args });
    await use(await browser.newPage());
    await browser.close();
  },
});

/** A number whose calls are answered over the stream, and a call to it: what the caller heard is in the file. */
async function answeredCall(partyline: Partyline): Promise<string> {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${await partyline.token()}` };
  const url = `${partyline.console}/api/numbers/${encodeURIComponent(TENANT.number)}`;
  // Nobody is told to wait: the caller hears who speaks and nothing else.
  const body = JSON.stringify({ route: "agent", settings: { waiting: { text: "" } } });
  const answer = await fetch(url, { method: "PATCH", headers, body });
  expect(answer.status).toBe(200);
  const heard = join(partyline.dataDir, "heard-by-caller.ulaw");
  partyline.call({ caller: `tone:${CALLER}`, agent: "tone:700", seconds: 90, more: ["--played", heard] });
  return heard;
}

/** How loud the voice is in the last `seconds` of what the caller heard. */
function voiceIn(file: string, seconds = 1): number {
  const samples = fromMuLaw(readFileSync(file)).slice(-8000 * seconds);
  return samples.length === 0 ? 0 : amplitudeOf(VOICE, samples, 8000);
}

/** A call of two telephones that Twilio knows of: what each of them heard is in its file. */
async function bridgedCall(partyline: Partyline, api: string): Promise<{ caller: string; agent: string }> {
  const [caller, agent] = ["caller", "agent"].map((who) => join(partyline.dataDir, `heard-by-${who}.ulaw`));
  const more = ["--api", api, "--played", caller!, "--agent-played", agent!];
  partyline.call({ caller: `tone:${CALLER}`, agent: "tone:700", seconds: 90, more });
  return { caller: caller!, agent: agent! };
}

const player = (page: Page) => page.locator("[data-player]");

test("armed is not heard; held is, by everyone; let go is not", async ({ speaking: page, partyline }) => {
  const heard = await answeredCall(partyline);
  await signIn(page, partyline);
  await row(page).click();
  await page.getByRole("button", { name: "Listen" }).click();
  await isHeard(page);
  await page.keyboard.press("b");
  await expect(page.getByText("Joined:").first()).toBeVisible();
  await expect(page.getByText("microphone ready").first()).toBeVisible();
  expect(voiceIn(heard)).toBeLessThan(0.002);

  await page.keyboard.down(" ");
  await expect(player(page)).toHaveAttribute("data-audience", "everyone");
  await expect.poll(() => voiceIn(heard)).toBeGreaterThan(0.05);
  await page.keyboard.up(" ");
  await expect(player(page)).toHaveAttribute("data-audience", "nobody");
  await expect(page.getByText("Nobody can hear you").first()).toBeVisible();
  await expect.poll(() => voiceIn(heard)).toBeLessThan(0.002);
});

test("what is whispered never reaches the caller", async ({ speaking: page, partyline }) => {
  const heard = await answeredCall(partyline);
  await signIn(page, partyline);
  await row(page).click();
  await page.getByRole("button", { name: "Listen" }).click();
  await isHeard(page);
  await page.keyboard.press("w");
  await expect(page.getByText("Whispering").first()).toBeVisible();
  await page.keyboard.press("o");
  await expect(player(page)).toHaveAttribute("data-audience", "agents");
  // Long enough to be heard, had it a way.
  await page.waitForTimeout(3000);
  expect(voiceIn(heard, 3)).toBeLessThan(0.002);
});

test("a lost control connection shuts the microphone, and nothing opens it again by itself", async ({ speaking: page, partyline }) => {
  const heard = await answeredCall(partyline);
  let sockets = 0;
  await page.routeWebSocket(/\/mic$/, (socket) => {
    const server = socket.connectToServer();
    sockets += 1;
    // The first one breaks when this says so.
    if (sockets === 1) void page.exposeFunction("breakMicrophone", () => socket.close().then(() => server.close()));
  });
  await signIn(page, partyline);
  await row(page).click();
  await page.getByRole("button", { name: "Listen" }).click();
  await isHeard(page);
  await page.keyboard.press("b");
  await expect(page.getByText("microphone ready").first()).toBeVisible();
  await page.keyboard.press("o");
  await expect.poll(() => voiceIn(heard)).toBeGreaterThan(0.05);
  await page.evaluate(() => (globalThis as unknown as { breakMicrophone(): Promise<void> }).breakMicrophone());
  await expect(page.getByText(/was lost, and it was shut/).first()).toBeVisible();
  await expect(player(page)).toHaveAttribute("data-audience", "nobody");
  await expect.poll(() => sockets).toBe(2);
  await expect.poll(() => voiceIn(heard)).toBeLessThan(0.002);
});

test("an agent answers a call that rings, is heard, mutes, and hangs up", async ({ speaking: page, partyline }) => {
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${await partyline.token()}` };
  const agent = { email: "jon@acme.example", name: "Jon", password: "another horse battery", role: "agent" };
  const added = await fetch(`${partyline.console}/api/users`, { method: "POST", headers, body: JSON.stringify(agent) });
  expect(added.status).toBe(201);
  const heard = await answeredCall(partyline);
  await page.goto(partyline.console);
  await page.getByLabel("E-mail").fill(agent.email);
  await page.getByLabel("Password").fill(agent.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Answer" }).click();
  await expect(page.getByText("The caller hears you").first()).toBeVisible();
  await expect.poll(() => voiceIn(heard)).toBeGreaterThan(0.05);
  await page.getByRole("button", { name: "Mute" }).click();
  await expect(page.getByText("Nobody can hear you").first()).toBeVisible();
  await expect.poll(() => voiceIn(heard)).toBeLessThan(0.002);
});

test("in a call of two telephones a whisper reaches the agent's alone, and joining both", async ({ speaking: page }) => {
  const api = await freeAddress();
  const partyline = await Partyline.start(undefined, { PARTYLINE_TWILIO_API_URL: `http://${api}` });
  try {
    const heard = await bridgedCall(partyline, api);
    await signIn(page, partyline);
    await row(page).click();
    await page.getByRole("button", { name: "Listen" }).click();
    await isHeard(page);
    await page.keyboard.press("w");
    await expect(page.getByText(/through a conference at Twilio/)).toBeVisible();
    await expect(page.getByText("Whispering:").first()).toBeVisible({ timeout: 20_000 });
    await page.keyboard.press("o");
    await expect(page.getByText("Only the agent hears you").first()).toBeVisible();
    await expect.poll(() => voiceIn(heard.agent), { timeout: 10_000 }).toBeGreaterThan(0.03);
    expect(voiceIn(heard.caller, 3)).toBeLessThan(0.002);

    await page.keyboard.press("b");
    await expect(page.getByText("Joined:").first()).toBeVisible({ timeout: 20_000 });
    await page.keyboard.press("o");
    await expect(page.getByText("Everyone hears you").first()).toBeVisible();
    await expect.poll(() => voiceIn(heard.caller), { timeout: 10_000 }).toBeGreaterThan(0.03);
    await expect.poll(() => voiceIn(heard.agent), { timeout: 10_000 }).toBeGreaterThan(0.03);
    await page.keyboard.press("l");
    await expect.poll(() => voiceIn(heard.caller), { timeout: 10_000 }).toBeLessThan(0.002);
  } finally {
    await partyline.stop();
  }
});
