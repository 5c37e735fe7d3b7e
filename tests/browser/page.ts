import { Buffer } from "node:buffer";

import { type Locator, type Page, expect } from "@playwright/test";

import { type Partyline, TENANT } from "./partyline.ts";
import type { Samples } from "./sound.ts";

/** What the console offers for diagnosis: see `control/console/client/src/debug.ts`. */
interface PartylineDebug {
  stream(): MediaStream | null;
  peer(): RTCPeerConnection | null;
}

declare global {
  // eslint-disable-next-line no-var
  var partylineDebug: PartylineDebug | undefined;
}

export async function signIn(page: Page, partyline: Partyline): Promise<void> {
  await page.goto(partyline.console);
  await page.getByLabel("E-mail").fill(TENANT.email);
  await page.getByLabel("Password").fill(TENANT.password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** The row of the call from this number, which ends in three and four digits as the console writes it. */
export function row(page: Page, from = "019 9001"): Locator {
  return page.getByRole("link", { name: new RegExp(from) });
}

/** Opens a call and starts to listen. */
export async function listen(page: Page, from?: string): Promise<void> {
  await row(page, from).click();
  await page.getByRole("button", { name: "Listen" }).click();
  await isHeard(page);
}

export async function isHeard(page: Page): Promise<void> {
  await expect(page.getByText(/Live, \d+ ms behind the phone/).first()).toBeVisible();
  await expect(page.getByText("Nobody can hear you").first()).toBeVisible();
}

/** Both channels as they leave Chromium's decoder and jitter buffer, before any of the page's processing. */
export async function record(page: Page, seconds: number): Promise<{ left: Samples; right: Samples; rate: number }> {
  const recorded = await page.evaluate(async (seconds) => {
    const track = globalThis.partylineDebug?.stream()?.getAudioTracks()[0];
    if (!track) throw new Error("not listening");
    // Chromium has it; TypeScript's library does not name it yet.
    const { MediaStreamTrackProcessor } = globalThis as unknown as {
      MediaStreamTrackProcessor: new (init: { track: MediaStreamTrack }) => { readable: ReadableStream<AudioData> };
    };
    const reader = new MediaStreamTrackProcessor({ track: track.clone() }).readable.getReader();
    const planes: [Float32Array[], Float32Array[]] = [[], []];
    let [rate, frames] = [48000, 0];
    while (frames < seconds * rate) {
      const { value: data, done } = await reader.read();
      if (done) break;
      rate = data.sampleRate;
      frames += data.numberOfFrames;
      for (const channel of [0, 1] as const) {
        const plane = new Float32Array(data.numberOfFrames);
        const planeIndex = Math.min(channel, data.numberOfChannels - 1);
        data.copyTo(plane, { planeIndex, format: "f32-planar" });
        planes[channel].push(plane);
      }
      data.close();
    }
    await reader.cancel();
    const text = async (parts: Float32Array[]) => {
      const bytes = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
      let binary = "";
      for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
      return btoa(binary);
    };
    return { left: await text(planes[0]), right: await text(planes[1]), rate };
  }, seconds);
  const samples = (text: string) => {
    const bytes = Uint8Array.from(Buffer.from(text, "base64"));
    return new Float32Array(bytes.buffer);
  };
  return { left: samples(recorded.left), right: samples(recorded.right), rate: recorded.rate };
}

/** The numbers of the inbound audio stream, by the browser's own count. */
export async function inbound(page: Page): Promise<Record<string, number>> {
  return page.evaluate(async () => {
    let found: Record<string, number> | undefined;
    const report = await globalThis.partylineDebug?.peer()?.getStats();
    report?.forEach((entry) => {
      if (entry.type === "inbound-rtp" && entry.kind === "audio") found = { ...entry };
    });
    if (!found) throw new Error("no inbound audio");
    return found;
  });
}
