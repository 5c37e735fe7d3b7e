/** A microphone without sound: tests say what the browser answers. */

import { Cell } from "../cell.ts";
import type { Mouth, MouthDevice, MouthProblem, MouthState } from "../mouth.ts";

export class FakeMouth implements Mouth {
  readonly state = new Cell<MouthState>({ kind: "off" });
  readonly devices = new Cell<readonly MouthDevice[]>([
    { id: "mic_1", name: "Headset" },
    { id: "mic_2", name: "Table" },
  ]);
  readonly voice = new Cell<MediaStreamTrack | null>(null);
  readonly done: string[] = [];
  /** Why it does not open; null when it does. */
  refuses: MouthProblem | null = null;

  readonly open = (): Promise<boolean> => {
    this.done.push("open");
    if (this.refuses !== null) {
      this.state.set({ kind: "failed", why: this.refuses });
      return Promise.resolve(false);
    }
    if (this.voice.get() === null) {
      this.state.set({ kind: "ready", device: { id: "mic_1", name: "Headset" }, silenced: false });
      this.voice.set({ enabled: false } as MediaStreamTrack);
    }
    return Promise.resolve(true);
  };

  readonly choose = (id: string): Promise<boolean> => {
    this.done.push(`choose ${id}`);
    this.state.set({ kind: "ready", device: { id, name: id }, silenced: false });
    this.voice.set({ enabled: false } as MediaStreamTrack);
    return Promise.resolve(true);
  };

  readonly close = (): void => {
    this.done.push("close");
    this.voice.set(null);
    this.state.set({ kind: "off" });
  };

  /** Pulls it out. */
  readonly unplug = (): void => {
    this.voice.set(null);
    this.state.set({ kind: "failed", why: "unplugged" });
  };

  readonly samples = (): boolean => false;
}
