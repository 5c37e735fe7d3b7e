/**
 * Speaking on the call that is listened to: what one's connection may do, one's microphone, and who hears it.
 *
 * Nobody is heard by mistake: a microphone is armed by one act and opened by another, and whatever goes wrong shuts it.
 * That somebody hears is said only when the gateway has said so.
 */

import { Cell, type Live } from "./cell.ts";
import type { Mode } from "./contract.ts";
import { type Beat, Gate, type GateEnd, type GateWord } from "./gate.ts";
import type { Socket } from "./liveFeed.ts";
import type { Mouth } from "./mouth.ts";
import { type Problem, problemIn } from "./problem.ts";

/** Who hears what is said into the microphone, by the gateway's own word. */
export type Audience = "nobody" | "agents" | "everyone";

/** How the microphone is opened: while a key is held, or until it is shut. */
export type Talk = "off" | "held" | "open";

/** Why the microphone is shut although nobody here shut it. */
export type Fall = GateEnd /** The gateway shut it. */ | "shut" | "unplugged" | "hidden" | "reconnected";

/** What can be said of speaking on a call. */
export interface SpeakerState {
  /** What the connection may do. */
  readonly mode: Mode;
  /** What it shall be able to do, while that is being asked for. */
  readonly wanted: Mode | null;
  /** Whether the microphone is at the connection: what is wanted to be heard is sent. */
  readonly armed: boolean;
  /** Whether the gateway has said what it lets through: before that, nobody can be heard. */
  readonly ready: boolean;
  readonly talk: Talk;
  readonly muted: boolean;
  readonly audience: Audience;
  readonly fell: Fall | null;
  /** Why the mode is not what was wanted. */
  readonly problem: Problem | null;
}

/** Speaking, as a page uses it. */
export interface CallSpeaker {
  readonly state: Live<SpeakerState>;
  /** Changes what the connection may do. All but `listen` arm the microphone first. Shuts it in any case. */
  readonly setMode: (mode: Mode, how?: HowToAsk) => Promise<void>;
  /** Speaks while a key is held: true when it goes down, false when it goes up. */
  readonly hold: (down: boolean) => void;
  /** Speaks until it is told otherwise. */
  readonly keepOpen: (open: boolean) => void;
  readonly mute: (muted: boolean) => void;
  /** Puts the microphone to the connection: the first of the two acts. */
  readonly arm: () => Promise<boolean>;
  /** The page is looked at no more: what is held is let go of. */
  readonly away: () => void;
  /** The network is gone, as the system says: nobody is heard any more. */
  readonly cut: () => void;
}

/** How another mode is asked for, where it is not as usual. */
export interface HowToAsk {
  /** Asks control in a way of its own, as a takeover with its reason does. */
  readonly ask?: () => Promise<unknown>;
  /** Whether Twilio must move the call first, which takes seconds: the gateway's word is waited for that much longer. */
  readonly moves?: boolean;
}

/** The connection to speak over. */
export interface Way {
  /** The session, as its grant names it. */
  readonly id: string;
  /** What it was granted to do. */
  readonly mode: Mode;
  readonly sender: Pick<RTCRtpSender, "replaceTrack">;
  /** Where the gate is held open. */
  readonly gateUrl: string;
}

/**
 * What becomes of a microphone that was opened before the connection: it is armed, or `open` at once. Who answers a
 * call begins so, and is the call's other end.
 */
export type Begin = "off" | "open";

/** What speaking needs of its surroundings. */
export interface SpeakerOptions {
  readonly mouth: Mouth;
  /** Asks control for another mode. Resolves when it is granted. */
  readonly changeMode: (session: string, mode: Mode) => Promise<unknown>;
  readonly openGate: (url: string) => Socket;
  readonly beat: Beat;
}

/** Before anything. */
export const SILENT: SpeakerState = {
  mode: "listen",
  wanted: null,
  armed: false,
  ready: false,
  talk: "off",
  muted: false,
  audience: "nobody",
  fell: null,
  problem: null,
};

/** A granted mode is known to the gateway within this time, in ms. */
const GRANTED_WITHIN_MS = 3000;
/** The same where the call is moved into a conference first, in ms: then control gives it up too. */
const MOVED_WITHIN_MS = 20_000;
/** A lost gate is tried again after this time, in ms, while the microphone is armed. */
const GATE_AGAIN_MS = 1000;

/** Speaks over the connection that a monitor makes. */
export class Speaker implements CallSpeaker {
  readonly state: Live<SpeakerState>;
  readonly #state = new Cell<SpeakerState>(SILENT);
  readonly #options: SpeakerOptions;
  #unwatch: (() => void) | null = null;
  #way: Way | null = null;
  #gate: Gate | null = null;
  #word: GateWord | null = null;
  /** What becomes of the first connection's microphone; null when none was opened before. */
  #begin: Begin | null = null;
  /** Whether this person is the call's other end. */
  #hasCall = false;
  /** Whether the microphone is open because of us. */
  #owns = false;
  #isFirst = true;
  /** The session that could do more than listen when its connection was lost. */
  #setBack: string | null = null;
  /** Counts what was asked for: an older answer changes nothing. */
  #epoch = 0;
  #granted: (() => void) | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.state = this.#state;
  }

  /** A connection will come for which the microphone was opened already. */
  expect(begin: Begin): void {
    this.#begin = begin;
    this.#hasCall = begin === "open";
    this.#owns = true;
  }

  /** There is a connection that carries audio: the first, or one in place of a lost one. */
  attach(way: Way): void {
    this.#way = way;
    this.#watch();
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (this.#setBack === way.id) {
      // The same session, with the mode it had. It comes back as a listener, whatever the gateway remembers.
      void this.#options.changeMode(way.id, "listen").catch(() => undefined);
    }
    this.#setBack = null;
    this.#set({ mode: isFirst ? way.mode : "listen" });
    const begin = this.#begin;
    this.#begin = null;
    if (!isFirst || way.mode === "listen" || begin === null) return;
    this.#arm();
    if (this.#state.get().armed) this.#set({ talk: begin });
    // The person may still be asked for it: armed when the answer comes, and no more than that.
    else void this.#tryArm();
  }

  /** The connection is lost. It comes back as a listener's, if it comes back. */
  lost(): void {
    const { mode, wanted, armed } = this.#state.get();
    const mattered = mode !== "listen" || wanted !== null || armed;
    if (mattered && this.#way !== null) this.#setBack = this.#way.id;
    this.#letGo();
    this.#set({ mode: "listen", wanted: null, ...(mattered ? { fell: "reconnected" as const } : {}) });
  }

  /** Nobody listens here any more. */
  detach(): void {
    this.#letGo();
    this.#unwatch?.();
    this.#unwatch = null;
    this.#begin = null;
    this.#hasCall = false;
    this.#isFirst = true;
    this.#setBack = null;
    this.#state.set(SILENT);
  }

  readonly setMode = async (mode: Mode, { ask, moves }: HowToAsk = {}): Promise<void> => {
    const way = this.#way;
    if (way === null) return;
    this.#epoch += 1;
    const epoch = this.#epoch;
    this.#set({ wanted: mode, talk: "off", fell: null, problem: null });
    if (mode === "takeover") {
      // It does not wait for a microphone: what helps the caller first is that the AI is silent.
      void this.#tryArm();
    } else if (mode !== "listen" && !(await this.#tryArm())) {
      if (epoch === this.#epoch) this.#set({ wanted: null });
      return;
    }
    if (epoch !== this.#epoch) return;
    try {
      await (ask === undefined ? this.#options.changeMode(way.id, mode) : ask());
    } catch (error) {
      if (epoch !== this.#epoch) return;
      if (this.#state.get().mode === "listen") this.#disarm();
      this.#set({ wanted: null, problem: problemIn(error) });
      return;
    }
    if (epoch !== this.#epoch) return;
    if (mode === "listen") this.#disarm();
    const within = moves === true && mode !== "listen" ? MOVED_WITHIN_MS : GRANTED_WITHIN_MS;
    if (this.#gate !== null && !(await this.#toldBy(mode, within))) {
      if (epoch === this.#epoch)
        this.#set({ wanted: null, problem: { kind: "unavailable", retryAfterSeconds: null } });
      return;
    }
    if (epoch === this.#epoch) this.#set({ mode, wanted: null });
  };

  readonly hold = (down: boolean): void => {
    const { talk } = this.#state.get();
    if (down && talk === "off" && this.#maySpeak()) this.#set({ talk: "held", fell: null });
    if (!down && talk === "held") this.#set({ talk: "off" });
  };

  readonly keepOpen = (open: boolean): void => {
    if (open && this.#maySpeak()) this.#set({ talk: "open", fell: null });
    if (!open) this.#set({ talk: "off" });
  };

  readonly mute = (muted: boolean): void => {
    this.#set({ muted });
  };

  readonly arm = (): Promise<boolean> => this.#tryArm();

  readonly away = (): void => {
    const { talk, mode } = this.#state.get();
    if (talk === "held") this.#set({ talk: "off" });
    // Who has the call to themselves goes on talking while looking something up; who helps beside it does not.
    else if (talk === "open" && !this.#hasCall && mode !== "takeover")
      this.#set({ talk: "off", fell: "hidden" });
  };

  #watch(): void {
    const { mouth } = this.#options;
    const leave = [
      mouth.voice.subscribe(() => this.#attachVoice()),
      mouth.state.subscribe(() => this.#followMouth()),
    ];
    this.#unwatch?.();
    this.#unwatch = () => leave.forEach((each) => each());
  }

  readonly cut = (): void => {
    this.#gate?.cut();
  };

  #maySpeak(): boolean {
    const { armed, mode, wanted } = this.#state.get();
    return armed && mode !== "listen" && wanted === null;
  }

  async #tryArm(): Promise<boolean> {
    const way = this.#way;
    if (way === null) return false;
    this.#owns = true;
    if (!(await this.#options.mouth.open()) || this.#way !== way || !this.#owns) return false;
    this.#arm();
    return true;
  }

  #arm(): void {
    const voice = this.#options.mouth.voice.get();
    if (this.#way === null || voice === null || this.#state.get().armed) return;
    this.#set({ armed: true });
    this.#attachVoice();
    this.#openGate();
  }

  /** The microphone goes; the connection stays. */
  #disarm(): void {
    clearTimeout(this.#retry);
    this.#closeGate();
    if (this.#state.get().armed) {
      this.#set({ armed: false, talk: "off" });
      void this.#way?.sender.replaceTrack(null).catch(() => undefined);
    }
    if (this.#owns) this.#options.mouth.close();
    this.#owns = false;
  }

  #letGo(): void {
    this.#epoch += 1;
    this.#disarm();
    this.#way = null;
    this.#granted = null;
  }

  #attachVoice(): void {
    if (!this.#state.get().armed) return;
    const voice = this.#options.mouth.voice.get();
    void this.#way?.sender.replaceTrack(voice).catch(() => undefined);
    this.#apply();
  }

  #followMouth(): void {
    const state = this.#options.mouth.state.get();
    if (!this.#state.get().armed || state.kind === "ready" || state.kind === "asking") return;
    const isUnplugged = state.kind === "failed" && state.why === "unplugged";
    this.#closeGate();
    clearTimeout(this.#retry);
    void this.#way?.sender.replaceTrack(null).catch(() => undefined);
    this.#set({ armed: false, talk: "off", ...(isUnplugged ? { fell: "unplugged" as const } : {}) });
  }

  #openGate(): void {
    const way = this.#way;
    if (way === null || this.#gate !== null) return;
    const { openGate, beat } = this.#options;
    this.#gate = new Gate({
      url: way.gateUrl,
      open: openGate,
      beat,
      onWord: (word) => this.#take(word),
      onEnd: (end) => {
        this.#gate = null;
        this.#word = null;
        const wasTalking = this.#state.get().talk !== "off";
        this.#set({ talk: "off", ...(wasTalking ? { fell: end } : {}) });
        this.#retry = setTimeout(() => {
          if (this.#state.get().armed) this.#openGate();
        }, GATE_AGAIN_MS);
      },
    });
    this.#apply();
  }

  #closeGate(): void {
    this.#gate?.close();
    this.#gate = null;
    this.#word = null;
    this.#set({});
  }

  #take(word: GateWord): void {
    const before = this.#word;
    this.#word = word;
    const { mode, wanted } = this.#state.get();
    if (word.mode === wanted) this.#granted?.();
    const isShut = before?.talking === true && !word.talking && this.#wants();
    // Somebody else may set it back; what we have just asked for may be on its way.
    const changed = wanted === null && word.mode !== mode;
    this.#set({
      ...(changed ? { mode: word.mode } : {}),
      ...(isShut || (changed && this.#wants()) ? { talk: "off" as const, fell: "shut" as const } : {}),
    });
  }

  /** Resolves with whether the gateway says in time that the connection may do this. */
  #toldBy(mode: Mode, withinMs: number): Promise<boolean> {
    if (this.#word?.mode === mode) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (told: boolean) => {
        clearTimeout(timer);
        this.#granted = null;
        resolve(told);
      };
      const timer = setTimeout(() => end(false), withinMs);
      this.#granted = () => end(true);
    });
  }

  #wants(): boolean {
    const { talk, muted } = this.#state.get();
    return talk !== "off" && !muted && this.#maySpeak();
  }

  #set(changes: Partial<SpeakerState>): void {
    const word = this.#word;
    const last = this.#state.get();
    const next = { ...last, ...changes, ready: word !== null, audience: audienceOf(word) };
    if (!isSame(last, next)) this.#state.set(next);
    this.#apply();
  }

  /** Silence first: the track falls silent before the gateway hears of it, and speaks before it is heard. */
  #apply(): void {
    const wants = this.#wants();
    const voice = this.#options.mouth.voice.get();
    if (voice !== null && this.#state.get().armed) voice.enabled = wants;
    this.#gate?.want(wants);
  }
}

function audienceOf(word: GateWord | null): Audience {
  if (word === null || !word.talking || word.heardBy.length === 0) return "nobody";
  return word.heardBy.includes("caller") ? "everyone" : "agents";
}

function isSame(one: SpeakerState, other: SpeakerState): boolean {
  return (
    one.mode === other.mode &&
    one.wanted === other.wanted &&
    one.armed === other.armed &&
    one.ready === other.ready &&
    one.talk === other.talk &&
    one.muted === other.muted &&
    one.audience === other.audience &&
    one.fell === other.fell &&
    one.problem === other.problem
  );
}
