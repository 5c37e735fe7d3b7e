/** What is heard: volume, the two voices apart, and a limiter before the ear. */

import { Cell, type Live } from "./cell.ts";
import type { Voices } from "./reception.ts";

/** Whose voice is heard. */
export type Solo = "both" | "caller" | "agent";

/** How a person wants to hear. */
export interface SoundSettings {
  /** From 0 to 1. */
  readonly volume: number;
  readonly solo: Solo;
  /** Both voices in both ears, for one earpiece or one good ear. */
  readonly oneEar: boolean;
}

/** Settings of a first visit. */
export const DEFAULT_SOUND: SoundSettings = { volume: 0.8, solo: "both", oneEar: false };

/** How loud each voice comes to each ear: [caller left, caller right, agent left, agent right]. */
export function routing(
  { solo, oneEar }: SoundSettings,
  voices: Voices = "apart",
): readonly [number, number, number, number] {
  // One channel with both in it stands where the caller's does.
  if (voices === "together") return [1, 1, 0, 0];
  switch (solo) {
    case "caller":
      // One voice alone belongs in the middle of the head.
      return [1, 1, 0, 0];
    case "agent":
      return [0, 0, 1, 1];
    case "both":
      return oneEar ? [0.7, 0.7, 0.7, 0.7] : [1, 0, 0, 1];
  }
}

/** Where received audio goes. */
export interface Sound {
  readonly settings: Live<SoundSettings>;
  /** The browser holds the sound back until the person does something on the page. */
  readonly blocked: Live<boolean>;
  /** What the sound system adds to the delay, in ms. */
  outputDelayMs(): number;
  change(settings: Partial<SoundSettings>): void;
  /** Wakes the sound up. Call it inside the handler of a click or key: browsers ask for that. */
  resume(): void;
  /** Plays this stream in place of the one before; fades in. */
  play(stream: MediaStream, voices?: Voices): void;
  /** Fades out, then lets go of the stream. */
  fadeOut(): Promise<void>;
  /**
   * Fills in the latest samples of each voice, before volume and solo. False when nothing plays. Voices that come
   * together are the caller's.
   */
  samples(caller: Float32Array<ArrayBuffer>, agent: Float32Array<ArrayBuffer>): boolean;
}

/** Samples a meter looks at: 21 ms at 48 kHz. */
export const METER_SAMPLES = 1024;
/** A start or stop without a fade is a click in the ear. */
const FADE_MS = 20;

interface Graph {
  context: AudioContext;
  /** [caller left, caller right, agent left, agent right] */
  routes: GainNode[];
  splitter: ChannelSplitterNode;
  meters: { caller: AnalyserNode; agent: AnalyserNode };
  volume: GainNode;
  fade: GainNode;
  voices: Voices;
}

interface Playing {
  source: MediaStreamAudioSourceNode;
  /** Chromium lets a remote stream into WebAudio only while a media element plays it, too. */
  element: HTMLAudioElement;
}

/** Sound through the browser's audio system. */
export class WebSound implements Sound {
  readonly settings: Live<SoundSettings>;
  readonly blocked: Live<boolean>;
  readonly #settings: Cell<SoundSettings>;
  readonly #blocked = new Cell(false);
  #graph: Graph | null = null;
  #playing: Playing | null = null;

  constructor(settings: SoundSettings = DEFAULT_SOUND) {
    this.#settings = new Cell(settings);
    this.settings = this.#settings;
    this.blocked = this.#blocked;
  }

  outputDelayMs(): number {
    const context = this.#graph?.context;
    if (context === undefined) return 0;
    // `outputLatency` is missing in some browsers and nought in others until sound flows.
    const seconds = (context.baseLatency || 0) + (context.outputLatency || 0);
    return Math.min(500, seconds * 1000);
  }

  change(settings: Partial<SoundSettings>): void {
    const before = this.#settings.get();
    const volume = Math.min(1, Math.max(0, settings.volume ?? before.volume));
    this.#settings.set({ ...before, ...settings, volume });
    if (this.#graph !== null) apply(this.#graph, this.#settings.get());
  }

  resume(): void {
    this.#graph ??= this.#build();
    const { context } = this.#graph;
    void context
      .resume()
      .catch(() => undefined)
      .finally(() => this.#look());
  }

  play(stream: MediaStream, voices: Voices = "apart"): void {
    this.#graph ??= this.#build();
    this.#release();
    this.#graph.voices = voices;
    apply(this.#graph, this.#settings.get());
    const { context, splitter, fade } = this.#graph;
    const element = new Audio();
    element.muted = true;
    element.srcObject = stream;
    // Muted playback is always allowed; a rejection means the stream has ended already.
    void element.play().catch(() => undefined);
    const source = context.createMediaStreamSource(stream);
    source.connect(splitter);
    this.#playing = { source, element };
    ramp(fade.gain, 1, context.currentTime);
    this.#look();
  }

  async fadeOut(): Promise<void> {
    const graph = this.#graph;
    const playing = this.#playing;
    if (graph === null || playing === null) return;
    ramp(graph.fade.gain, 0, graph.context.currentTime);
    await new Promise((resolve) => setTimeout(resolve, FADE_MS));
    // Another stream may have begun meanwhile: it is not ours to stop.
    if (this.#playing === playing) this.#release();
  }

  samples(caller: Float32Array<ArrayBuffer>, agent: Float32Array<ArrayBuffer>): boolean {
    if (this.#graph === null || this.#playing === null) return false;
    this.#graph.meters.caller.getFloatTimeDomainData(caller);
    this.#graph.meters.agent.getFloatTimeDomainData(agent);
    return true;
  }

  #release(): void {
    if (this.#playing === null) return;
    this.#playing.source.disconnect();
    this.#playing.element.srcObject = null;
    this.#playing = null;
  }

  #look(): void {
    const state = this.#graph?.context.state;
    this.#blocked.set(state !== undefined && state !== "running" && state !== "closed");
  }

  #build(): Graph {
    const context = new AudioContext({ latencyHint: "interactive" });
    context.addEventListener("statechange", () => this.#look());
    const splitter = context.createChannelSplitter(2);
    const merger = context.createChannelMerger(2);
    const meter = () => new AnalyserNode(context, { fftSize: METER_SAMPLES, smoothingTimeConstant: 0 });
    const meters = { caller: meter(), agent: meter() };
    splitter.connect(meters.caller, 0);
    splitter.connect(meters.agent, 1);
    const routes = [0, 1, 2, 3].map((route) => {
      const gain = context.createGain();
      splitter.connect(gain, route >> 1);
      gain.connect(merger, 0, route & 1);
      return gain;
    });
    const volume = context.createGain();
    // A limiter: nothing louder than -3 dBFS passes unbent. Tones and shouting hurt in a headset.
    const limiter = new DynamicsCompressorNode(context, {
      threshold: -3,
      knee: 0,
      ratio: 20,
      attack: 0.001,
      release: 0.1,
    });
    const fade = context.createGain();
    fade.gain.value = 0;
    merger.connect(volume).connect(limiter).connect(fade).connect(context.destination);
    const graph: Graph = { context, routes, splitter, meters, volume, fade, voices: "apart" };
    apply(graph, this.#settings.get());
    return graph;
  }
}

function apply({ context, routes, volume, voices }: Graph, settings: SoundSettings): void {
  const now = context.currentTime;
  for (const [index, gain] of routing(settings, voices).entries()) {
    const node = routes[index];
    if (node !== undefined) ramp(node.gain, gain, now);
  }
  // The ear hears in decibels: a square brings the slider nearer to that.
  ramp(volume.gain, settings.volume ** 2, now);
}

function ramp(param: AudioParam, value: number, now: number): void {
  param.cancelScheduledValues(now);
  param.setValueAtTime(param.value, now);
  param.linearRampToValueAtTime(value, now + FADE_MS / 1000);
}
