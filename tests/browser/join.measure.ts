import { spawn } from "node:child_process";
import { join } from "node:path";

import { listen, signIn } from "./page.ts";
import { TENANT, expect, test } from "./partyline.ts";

const RUNS = 30;

declare global {
  // eslint-disable-next-line no-var
  var joins: { posted: number; heard: number }[];
}

/**
 * From the WHEP POST to the first RTP packet, by the page's own clock: a remote track is unmuted by its
 * first packet (W3C webrtc-pc, section 5.3).
 */
test("POST to first audio in Chromium", async ({ page, partyline }) => {
  await page.addInitScript(() => {
    globalThis.joins = [];
    const { fetch } = globalThis;
    globalThis.fetch = (input, init) => {
      const url = input instanceof Request ? input.url : String(input);
      const method = input instanceof Request ? input.method : init?.method;
      if (method === "POST" && url.includes("/whep/")) globalThis.joins.push({ posted: performance.now(), heard: 0 });
      return fetch(input, init);
    };
    const native = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends native {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        this.addEventListener("track", ({ track }) => {
          track.addEventListener("unmute", () => {
            const join = globalThis.joins.at(-1);
            if (join && join.heard === 0) join.heard = performance.now();
          });
        });
      }
    };
  });
  partyline.call({ caller: "tone:450", agent: "tone:700", seconds: 170 });
  await signIn(page, partyline);
  await listen(page);
  for (let run = 1; run < RUNS; run++) {
    await page.getByRole("button", { name: "Stop" }).click();
    await expect(page.getByText(/Stopped/).first()).toBeVisible();
    await page.getByRole("button", { name: "Listen" }).click();
    await expect(page.getByText(/Live, \d+ ms behind the phone/).first()).toBeVisible();
  }
  const joins = await page.evaluate(() => globalThis.joins);
  const took = joins.map(({ posted, heard }) => heard - posted).sort((a, b) => a - b);
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))]!.toFixed(0);
  console.log(`${took.length} joins: POST to first audio p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, max ${at(1)} ms`);
  expect(took).toHaveLength(RUNS);
  expect(took[0]).toBeGreaterThan(0);
});

/** The same from outside a browser, by the light listener of `loadtest`. */
test("POST to first audio by the light listener", async ({ partyline }) => {
  partyline.call({ caller: "tone:450", agent: "tone:700", seconds: 170 });
  await expect.poll(async () => partyline.metric("partyline_calls_active")).toBe(1);
  const { email, password } = TENANT;
  const arguments_ = ["join", "--quiet", "--calls-url", partyline.console, "--email", email, "--password", password, "--count", "60"];
  const binary = join(import.meta.dirname, "../../target/release/loadtest");
  const measuring = spawn(binary, arguments_, { stdio: ["ignore", "inherit", "inherit"] });
  expect(await new Promise((done) => measuring.once("exit", done))).toBe(0);
});
