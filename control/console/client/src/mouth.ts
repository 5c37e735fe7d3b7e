/** The microphone: asked for when somebody arms it, let go of when they do not want it any more. */

import { Cell, type Live } from "./cell.ts";
import { METER_SAMPLES } from "./sound.ts";

/** A microphone that can be chosen. */
export interface MouthDevice {
  readonly id: string;
  readonly name: string;
}

/** Why there is no microphone. */
export type MouthProblem =
  /** The person or a policy said no. */
  | "denied"
  /** None is plugged in. */
  | "missing"
  /** Another program has it. */
  | "busy"
  /** It was pulled out while it was in use. */
  | "unplugged"
  /** This browser has none to give, as outside of https. */
  | "unsupported";

/** What can be said of the microphone. */
export type MouthState =
  | { kind: "off" }
  /** The browser asks the person. */
  | { kind: "asking" }
  /** `silenced`: the system or a switch on the headset keeps it silent. */
  | { kind: "ready"; device: MouthDevice; silenced: boolean }
  | { kind: "failed"; why: MouthProblem };

/** One person's microphone. */
export interface Mouth {
  readonly state: Live<MouthState>;
  /** What can be chosen. Browsers name them only after the person has said yes once. */
  readonly devices: Live<readonly MouthDevice[]>;
  /** Opens the chosen microphone. Resolves with whether it is open. */
  readonly open: () => Promise<boolean>;
  /** Takes this microphone from now on. Resolves with whether it is open, when one was. */
  readonly choose: (id: string) => Promise<boolean>;
  /** Lets go of it: the browser's sign that something is recorded goes out. */
  readonly close: () => void;
  /** What may be sent, silent until its `enabled` is set; null while it is not open. Another one after `choose`. */
  readonly voice: Live<MediaStreamTrack | null>;
  /** Fills in the latest samples, whether or not they are sent. False while it is not open. */
  readonly samples: (into: Float32Array<ArrayBuffer>) => boolean;
}

/** What a microphone needs of its surroundings. */
export interface MouthOptions {
  /** The browser's devices; undefined where it gives none. */
  readonly media: Pick<MediaDevices, "getUserMedia" | "enumerateDevices" | "addEventListener"> | undefined;
  readonly createContext: () => AudioContext;
  /** The microphone chosen on an earlier visit. */
  readonly chosen?: string | null;
}

interface Open {
  readonly raw: MediaStreamTrack;
  readonly voice: MediaStreamTrack;
  readonly context: AudioContext;
  readonly meter: AnalyserNode;
}

/** The browser's microphone, with its echo cancellation: what is heard is not sent back. */
export class WebMouth implements Mouth {
  readonly state: Live<MouthState>;
  readonly devices: Live<readonly MouthDevice[]>;
  readonly voice: Live<MediaStreamTrack | null>;
  readonly #state = new Cell<MouthState>({ kind: "off" });
  readonly #devices = new Cell<readonly MouthDevice[]>([]);
  readonly #voice = new Cell<MediaStreamTrack | null>(null);
  readonly #options: MouthOptions;
  #chosen: string | null;
  #open: Open | null = null;
  #opening: Promise<boolean> | null = null;
  /** Counts openings and closings: the answer to an older question is let go of. */
  #epoch = 0;

  constructor(options: MouthOptions) {
    this.#options = options;
    this.#chosen = options.chosen ?? null;
    this.state = this.#state;
    this.devices = this.#devices;
    this.voice = this.#voice;
    options.media?.addEventListener("devicechange", () => void this.#look());
  }

  readonly open = (): Promise<boolean> => {
    if (this.#state.get().kind === "ready") return Promise.resolve(true);
    this.#opening ??= this.#ask().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  };

  readonly choose = async (id: string): Promise<boolean> => {
    this.#chosen = id;
    const { kind } = this.#state.get();
    if (kind !== "ready" && kind !== "failed") return false;
    this.#release();
    // Not off between the two: who is armed stays armed.
    this.#state.set({ kind: "asking" });
    return this.open();
  };

  readonly close = (): void => {
    this.#epoch += 1;
    this.#opening = null;
    this.#release();
    this.#state.set({ kind: "off" });
  };

  readonly samples = (into: Float32Array<ArrayBuffer>): boolean => {
    if (this.#open === null) return false;
    this.#open.meter.getFloatTimeDomainData(into);
    return true;
  };

  async #ask(): Promise<boolean> {
    const { media } = this.#options;
    if (media === undefined) return this.#failed("unsupported");
    this.#epoch += 1;
    const epoch = this.#epoch;
    if (this.#state.get().kind !== "asking") this.#state.set({ kind: "asking" });
    let stream: MediaStream;
    try {
      stream = await media.getUserMedia({ audio: wanted(this.#chosen), video: false });
    } catch (error) {
      return epoch === this.#epoch ? this.#failed(problemOf(error)) : false;
    }
    const [raw] = stream.getAudioTracks();
    if (epoch !== this.#epoch || raw === undefined) {
      for (const track of stream.getTracks()) track.stop();
      return epoch === this.#epoch ? this.#failed("missing") : false;
    }
    this.#take(raw);
    await this.#look();
    return epoch === this.#epoch;
  }

  #take(raw: MediaStreamTrack): void {
    // What is sent is a copy: the meter moves while the copy is silent.
    const voice = raw.clone();
    voice.enabled = false;
    voice.contentHint = "speech";
    const context = this.#options.createContext();
    void context.resume().catch(() => undefined);
    const meter = new AnalyserNode(context, { fftSize: METER_SAMPLES, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(new MediaStream([raw])).connect(meter);
    this.#open = { raw, voice, context, meter };
    raw.addEventListener("ended", () => {
      if (this.#open?.raw !== raw) return;
      this.#release();
      this.#failed("unplugged");
      void this.#look();
    });
    const device = { id: raw.getSettings().deviceId ?? "", name: raw.label || "Microphone" };
    const ready = () => {
      if (this.#open?.raw === raw) this.#state.set({ kind: "ready", device, silenced: raw.muted });
    };
    raw.addEventListener("mute", ready);
    raw.addEventListener("unmute", ready);
    ready();
    this.#voice.set(voice);
  }

  /** Which microphones there are. */
  async #look(): Promise<void> {
    const all = (await this.#options.media?.enumerateDevices().catch(() => [])) ?? [];
    this.#devices.set(
      all
        .filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId !== "" && label !== "")
        .map(({ deviceId, label }) => ({ id: deviceId, name: label })),
    );
  }

  #failed(why: MouthProblem): false {
    this.#state.set({ kind: "failed", why });
    return false;
  }

  #release(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    this.#voice.set(null);
    open.voice.stop();
    open.raw.stop();
    void open.context.close().catch(() => undefined);
  }
}

function wanted(device: string | null): MediaTrackConstraints {
  return {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    channelCount: 1,
    // Not exact: a headset that stayed at home must not leave its owner speechless.
    ...(device === null ? {} : { deviceId: { ideal: device } }),
  };
}

function problemOf(error: unknown): MouthProblem {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "unsupported";
  }
}
