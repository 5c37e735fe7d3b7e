/** A speaker without a connection: tests set its state, and see what was asked of it. */

import { Cell } from "../cell.ts";
import type { Mode } from "../contract.ts";
import { type CallSpeaker, type HowToAsk, SILENT, type SpeakerState } from "../speaker.ts";

export class FakeSpeaker implements CallSpeaker {
  readonly state: Cell<SpeakerState>;
  readonly done: string[] = [];

  constructor(state: Partial<SpeakerState> = {}) {
    this.state = new Cell({ ...SILENT, ...state });
  }

  readonly change = (changes: Partial<SpeakerState>): void =>
    this.state.set({ ...this.state.get(), ...changes });

  readonly setMode = async (mode: Mode, { ask, moves }: HowToAsk = {}): Promise<void> => {
    this.done.push(`mode ${mode}${moves === true ? " moved" : ""}`);
    await ask?.();
    this.change({ mode, armed: mode !== "listen" });
  };

  readonly hold = (down: boolean): void => {
    this.done.push(down ? "hold" : "release");
    this.change({ talk: down ? "held" : "off" });
  };

  readonly keepOpen = (open: boolean): void => {
    this.done.push(open ? "open" : "shut");
    this.change({ talk: open ? "open" : "off" });
  };

  readonly mute = (muted: boolean): void => {
    this.done.push(muted ? "mute" : "unmute");
    this.change({ muted });
  };

  readonly arm = (): Promise<boolean> => {
    this.done.push("arm");
    return Promise.resolve(true);
  };

  readonly away = (): void => {
    this.done.push("away");
  };

  readonly cut = (): void => {
    this.done.push("cut");
  };
}
