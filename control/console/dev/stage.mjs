// Where pictures are taken: Chromium, a stand-in for control, and a page of Chromium that plays the gateway.
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { CORS, startMock } from "./mockServer.mjs";

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 360, height: 740 };
// `LOOK=few` for a slow machine.
const EVERY =
  process.env.LOOK === "few"
    ? ["wide-light", "narrow-dark"]
    : ["wide-light", "wide-dark", "narrow-light", "narrow-dark"];

/**
 * Sets it up. Pictures go into the folder that the command names, or into one of this name beside other temporary files;
 * `microphone` is a WAV that Chromium's fake microphone plays.
 */
export async function openStage(name, { microphone } = {}) {
  const folder = process.argv[2] ?? join(tmpdir(), name);
  mkdirSync(folder, { recursive: true });
  const faults = [];
  const mock = await startMock();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-features=WebRtcHideLocalIpsWithMdns",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      ...(microphone === undefined ? [] : [`--use-file-for-fake-audio-capture=${microphone}`]),
    ],
  });
  const gateway = await browser.newPage();
  await gateway.goto(`${mock.url}/favicon.svg`);
  await gateway.evaluate(playGateway);
  const requests = [];
  const whep = async (request, response, offer) => {
    requests.push(`${request.method} ${request.url}`);
    if (request.method === "DELETE") return response.writeHead(200, CORS).end();
    if (request.method === "PATCH") return response.writeHead(404, CORS).end();
    const sdp = await gateway.evaluate((text) => globalThis.answer(text), offer);
    response.writeHead(201, {
      ...CORS,
      "content-type": "application/sdp",
      location: `${request.url}/secret`,
      etag: '"1"',
    });
    return response.end(sdp);
  };
  const visit = await browser.newContext({ viewport: WIDE, colorScheme: "light" });
  const page = await visit.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));

  async function shots(name, only = EVERY) {
    for (const kind of only) {
      const [size, colorScheme] = kind.split("-");
      await page.setViewportSize(size === "wide" ? WIDE : NARROW);
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: `${folder}/${name}-${kind}.png` });
    }
    await page.setViewportSize(WIDE);
    await page.emulateMedia({ colorScheme: "light" });
  }

  process.on("uncaughtExceptionMonitor", () =>
    console.log(`see ${folder}, and what the browser said:`, faults),
  );

  async function close() {
    await browser.close();
    if (faults.length > 0) console.log(`\nsaid by the browser:\n${[...new Set(faults)].join("\n")}`);
  }

  return { mock, browser, gateway, whep, requests, page, shots, close, WIDE };
}

/** Runs in the gateway's page. It sends 450 Hz on the left and 700 Hz on the right, and hears what comes back. */
function playGateway() {
  globalThis.answer = async (offer) => {
    const context = new AudioContext();
    await context.resume();
    const out = context.createMediaStreamDestination();
    out.channelCount = 2;
    const merger = context.createChannelMerger(2);
    for (const [side, hertz] of [450, 700].entries()) {
      const tone = new OscillatorNode(context, { frequency: hertz });
      const gain = new GainNode(context, { gain: side === 0 ? 0.3 : 0.05 });
      tone.connect(gain).connect(merger, 0, side);
      tone.start();
    }
    merger.connect(out);
    const peer = new RTCPeerConnection();
    globalThis.gatewayPeer = peer;
    peer.addEventListener("track", ({ track }) => {
      const stream = new MediaStream([track]);
      // Chromium lets a remote stream into WebAudio only while a media element plays it, too.
      const element = new Audio();
      element.muted = true;
      element.srcObject = stream;
      void element.play().catch(() => undefined);
      const analyser = new AnalyserNode(context, { fftSize: 8192 });
      context.createMediaStreamSource(stream).connect(analyser);
      // The loudest sample of the last sixth of a second, of 1.
      globalThis.gatewayHears = () => {
        const samples = new Float32Array(8192);
        analyser.getFloatTimeDomainData(samples);
        return Number(samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0).toFixed(3));
      };
    });
    await peer.setRemoteDescription({ type: "offer", sdp: offer });
    for (const track of out.stream.getTracks()) peer.addTrack(track, out.stream);
    await peer.setLocalDescription(await peer.createAnswer());
    if (peer.iceGatheringState !== "complete") {
      await new Promise((resolve) => {
        peer.addEventListener(
          "icegatheringstatechange",
          () => peer.iceGatheringState === "complete" && resolve(),
        );
      });
    }
    // As the gateway's, it names one codec: PCMU would mean that there was no room for Opus.
    return peer.localDescription.sdp.replace(/^a=rtpmap:\d+ PCM[UA]\/8000.*\r\n/gm, "");
  };
}
