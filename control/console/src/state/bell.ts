/** How a call that rings makes itself known to somebody who does something else. */
export interface Bell {
  /** One ring: two short tones. Silent where the browser lets no sound out yet. */
  ring(): void;
  /** Tells of a call in the system's own way, when the person has said that it may. */
  notify(text: string, onClick: () => void): void;
  /** Asks the person whether it may. Call it inside the handler of a click. */
  ask(): Promise<void>;
}

/** The two tones of a ring, in Hz, and how long each is, in seconds. */
const TONES = [660, 880] as const;
const TONE_S = 0.18;
/** Quiet enough for a headset. */
const GAIN = 0.12;

/** A bell of this browser. */
export class WebBell implements Bell {
  #context: AudioContext | null = null;

  ring(): void {
    this.#context ??= new AudioContext();
    const context = this.#context;
    void context.resume().catch(() => undefined);
    // What cannot sound now must not sound later, all at once.
    if (context.state !== "running") return;
    for (const [index, hertz] of TONES.entries()) {
      const tone = new OscillatorNode(context, { frequency: hertz });
      const gain = new GainNode(context, { gain: 0 });
      const begin = context.currentTime + index * TONE_S;
      gain.gain.setValueAtTime(0, begin);
      gain.gain.linearRampToValueAtTime(GAIN, begin + 0.02);
      gain.gain.linearRampToValueAtTime(0, begin + TONE_S);
      tone.connect(gain).connect(context.destination);
      tone.start(begin);
      tone.stop(begin + TONE_S);
    }
  }

  notify(text: string, onClick: () => void): void {
    if (!("Notification" in window) || Notification.permission !== "granted") return;
    // One at a time: a later one takes the place of the one before.
    const shown = new Notification(text, { tag: "partyline-ringing" });
    shown.addEventListener("click", () => {
      window.focus();
      shown.close();
      onClick();
    });
  }

  async ask(): Promise<void> {
    if (!("Notification" in window) || Notification.permission !== "default") return;
    await Notification.requestPermission().catch(() => "denied");
  }
}
