/** A monitor without a network: tests set its state, and see what was asked of it. */

import { Cell } from "../cell.ts";
import type { CallMonitor, Leave, MonitorState } from "../monitor.ts";
import { NO_RECEPTION } from "../reception.ts";
import { FakeSpeaker } from "./fakeSpeaker.ts";

export class FakeMonitor implements CallMonitor {
  readonly callId: string;
  readonly state: Cell<MonitorState>;
  readonly done: string[] = [];
  readonly reception = NO_RECEPTION;
  readonly speaker: FakeSpeaker | null;

  constructor(
    callId: string,
    state: MonitorState = { kind: "idle" },
    speaker: FakeSpeaker | null = new FakeSpeaker(),
  ) {
    this.callId = callId;
    this.state = new Cell(state);
    this.speaker = speaker;
  }

  readonly start = (leave?: Leave): void => {
    this.done.push(leave === undefined ? "start" : `start ${leave.grant.mode} ${leave.begin}`);
    this.state.set({ kind: "connecting" });
  };

  readonly stop = (): void => {
    this.done.push("stop");
    this.state.set({ kind: "stopped" });
  };

  readonly end = (callGoesOn: boolean): void => {
    this.done.push("end");
    // As the real one: only what goes on can end.
    const { kind } = this.state.get();
    if (kind !== "stopped" && kind !== "idle") this.state.set({ kind: "ended", callGoesOn });
  };

  readonly session = (): null => null;
}
