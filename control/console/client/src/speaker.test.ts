// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import { plainBeat } from "./beat.ts";
import type { Mode } from "./contract.ts";
import { ApiError, type Problem } from "./problem.ts";
import { Speaker, type SpeakerOptions, type SpeakerState, type Way } from "./speaker.ts";
import { FakeMouth } from "./testing/fakeMouth.ts";
import { FakePeer } from "./testing/fakePeer.ts";
import { FakeSocket } from "./testing/fakeSocket.ts";

let mouth: FakeMouth;
let peer: FakePeer;
let sockets: FakeSocket[];
let asked: string[];
let answer: Problem | null;
let speaker: Speaker;

const way = (changes: Partial<Way> = {}): Way => ({
  id: "ses_1",
  mode: "listen",
  sender: peer.sender,
  gateUrl: "wss://gateway.example/whep/call_1/secret/mic",
  ...changes,
});
const make = (changes: Partial<SpeakerOptions> = {}) =>
  new Speaker({
    mouth,
    changeMode: (session, mode) => {
      asked.push(`${session} ${mode}`);
      return answer === null ? Promise.resolve() : Promise.reject(new ApiError(answer));
    },
    openGate: (url) => {
      const socket = new FakeSocket(url);
      sockets.push(socket);
      return socket.asSocket();
    },
    beat: plainBeat,
    ...changes,
  });

beforeEach(() => {
  vi.useFakeTimers();
  mouth = new FakeMouth();
  peer = new FakePeer();
  [sockets, asked, answer] = [[], [], null];
  speaker = make();
  speaker.attach(way());
});

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const state = (): SpeakerState => speaker.state.get();
const gate = (): FakeSocket => {
  const last = sockets.at(-1);
  if (last === undefined) throw new Error("no gate was opened");
  return last;
};
const wants = () => gate().sent.at(-1) === '{"talk":true}';
const says = (mode: Mode, talking = false, heardBy: string[] = []) =>
  gate().say({ mode, talking, heard_by: heardBy });

/** To this mode, as a gateway has it that obeys. */
async function change(mode: Mode): Promise<void> {
  const changed = speaker.setMode(mode);
  await settle();
  if (gate().readyState === 0) gate().accept();
  says(mode);
  await changed;
}

test("a listener has no microphone, sends nothing and asks nobody", () => {
  expect(state()).toMatchObject({ mode: "listen", armed: false, audience: "nobody" });
  expect(mouth.done).toEqual([]);
  expect(peer.sent).toEqual([]);
  speaker.hold(true);
  speaker.keepOpen(true);
  expect(state().talk).toBe("off");
});

test("a mode arms the microphone, and that is not yet speaking", async () => {
  await change("whisper");
  expect(asked).toEqual(["ses_1 whisper"]);
  expect(state()).toMatchObject({ mode: "whisper", wanted: null, armed: true, talk: "off" });
  expect(peer.sent).toEqual([mouth.voice.get()]);
  expect(mouth.voice.get()?.enabled).toBe(false);
  expect(wants()).toBe(false);
});

test("what is held is sent, and who hears it is the gateway's word", async () => {
  await change("whisper");
  speaker.hold(true);
  expect(mouth.voice.get()?.enabled).toBe(true);
  expect(wants()).toBe(true);
  expect(state().audience).toBe("nobody");
  says("whisper", true, ["agents"]);
  expect(state().audience).toBe("agents");
  speaker.hold(false);
  expect(mouth.voice.get()?.enabled).toBe(false);
  expect(wants()).toBe(false);
  // Until the gateway says so, it may still be heard.
  expect(state().audience).toBe("agents");
  says("whisper");
  expect(state().audience).toBe("nobody");
});

test("with the caller among them everyone hears it", async () => {
  await change("join");
  speaker.keepOpen(true);
  says("join", true, ["caller", "agents"]);
  expect(state()).toMatchObject({ talk: "open", audience: "everyone" });
  // The key of a kept-open microphone does nothing.
  speaker.hold(true);
  speaker.hold(false);
  expect(state().talk).toBe("open");
  speaker.keepOpen(false);
  expect(wants()).toBe(false);
});

test("muted is silent whatever is held, and holds no grudge", async () => {
  await change("join");
  speaker.mute(true);
  speaker.hold(true);
  expect(wants()).toBe(false);
  expect(mouth.voice.get()?.enabled).toBe(false);
  speaker.mute(false);
  expect(wants()).toBe(true);
});

test("a change of mode shuts the microphone first: what was whispered is not finished aloud", async () => {
  await change("whisper");
  speaker.keepOpen(true);
  says("whisper", true, ["agents"]);
  const changed = speaker.setMode("join");
  expect(wants()).toBe(false);
  expect(state()).toMatchObject({ mode: "whisper", wanted: "join", talk: "off" });
  speaker.hold(true);
  expect(state().talk).toBe("off");
  await settle();
  says("join");
  await changed;
  expect(state()).toMatchObject({ mode: "join", wanted: null, talk: "off" });
});

test("back to listening the microphone goes at once", async () => {
  await change("join");
  const socket = gate();
  await speaker.setMode("listen");
  expect(state()).toMatchObject({ mode: "listen", armed: false });
  expect(socket.readyState).toBe(3);
  expect(peer.sent.at(-1)).toBeNull();
  expect(mouth.done.at(-1)).toBe("close");
});

test("without a microphone nothing changes, but a takeover silences the AI all the same", async () => {
  mouth.refuses = "denied";
  await speaker.setMode("join");
  expect(asked).toEqual([]);
  expect(state()).toMatchObject({ mode: "listen", wanted: null, armed: false });
  await speaker.setMode("takeover");
  expect(asked).toEqual(["ses_1 takeover"]);
  expect(state()).toMatchObject({ mode: "takeover", armed: false });
});

test("a takeover with its reason is asked for in its own way", async () => {
  const ask = () => {
    asked.push("take over");
    return Promise.resolve();
  };
  const changed = speaker.setMode("takeover", { ask });
  await settle();
  gate().accept();
  says("takeover");
  await changed;
  expect(asked).toEqual(["take over"]);
  expect(state()).toMatchObject({ mode: "takeover", armed: true });
});

test("a refused mode says why, and the microphone goes again", async () => {
  answer = { kind: "conflict", code: "call_cannot_be_joined", detail: "listening only" };
  await speaker.setMode("join");
  expect(state()).toMatchObject({ mode: "listen", wanted: null, armed: false, problem: answer });
  expect(mouth.done.at(-1)).toBe("close");
});

test("a mode that the gateway does not tell of is not believed", async () => {
  const changed = speaker.setMode("join");
  await settle();
  gate().accept();
  says("listen");
  await settle(3000);
  await changed;
  expect(state()).toMatchObject({ mode: "listen", problem: { kind: "unavailable" } });
});

test("a call that Twilio must move first is waited for longer", async () => {
  const changed = speaker.setMode("join", { moves: true });
  await settle();
  gate().accept();
  says("listen");
  await settle(19_000);
  expect(state()).toMatchObject({ mode: "listen", wanted: "join", problem: null });
  says("join");
  await settle();
  await changed;
  expect(state()).toMatchObject({ mode: "join", wanted: null, talk: "off" });

  const back = speaker.setMode("listen", { moves: true });
  await settle();
  await back;
  const again = speaker.setMode("whisper", { moves: true });
  await settle();
  gate().accept();
  says("listen");
  await settle(20_000);
  await again;
  expect(state()).toMatchObject({ mode: "listen", problem: { kind: "unavailable" } });
});

test("an older wish that is answered late changes nothing", async () => {
  let late: () => void = () => undefined;
  speaker = make({ changeMode: () => new Promise<void>((resolve) => (late = resolve)) });
  speaker.attach(way());
  void speaker.setMode("join");
  await settle();
  const first = late;
  void speaker.setMode("listen");
  await settle();
  first();
  await settle();
  expect(state()).toMatchObject({ mode: "listen", wanted: "listen" });
  late();
  await settle();
  expect(state()).toMatchObject({ mode: "listen", wanted: null, armed: false });
});

test("a gate that is lost shuts, comes back, and stays shut", async () => {
  await change("join");
  speaker.keepOpen(true);
  says("join", true, ["caller"]);
  gate().drop();
  expect(state()).toMatchObject({
    talk: "off",
    audience: "nobody",
    ready: false,
    fell: "lost",
    armed: true,
  });
  expect(mouth.voice.get()?.enabled).toBe(false);
  await settle(1000);
  expect(sockets).toHaveLength(2);
  gate().accept();
  says("join");
  expect(state()).toMatchObject({ talk: "off", ready: true, fell: "lost" });
  expect(wants()).toBe(false);
  speaker.hold(true);
  expect(state()).toMatchObject({ talk: "held", fell: null });
});

test("without a network nobody hears, at once", async () => {
  await change("join");
  speaker.keepOpen(true);
  says("join", true, ["caller"]);
  speaker.cut();
  expect(state()).toMatchObject({ audience: "nobody", talk: "off", fell: "lost" });
});

test("an opening that is not confirmed is over", async () => {
  await change("join");
  speaker.hold(true);
  await settle(1300);
  expect(state()).toMatchObject({ talk: "off", audience: "nobody", fell: "unconfirmed" });
});

test("what the gateway shuts is shut here, too", async () => {
  await change("join");
  speaker.keepOpen(true);
  says("join", true, ["caller"]);
  says("join");
  expect(state()).toMatchObject({ talk: "off", fell: "shut" });
  expect(wants()).toBe(false);
});

test("somebody else may set it back to listening", async () => {
  await change("join");
  speaker.keepOpen(true);
  says("join", true, ["caller"]);
  says("listen");
  expect(state()).toMatchObject({ mode: "listen", talk: "off", fell: "shut", audience: "nobody" });
});

test("after a lost connection one listens, the microphone is gone, and nothing is opened by itself", async () => {
  await change("join");
  speaker.keepOpen(true);
  says("join", true, ["caller"]);
  speaker.lost();
  expect(state()).toMatchObject({
    mode: "listen",
    armed: false,
    talk: "off",
    audience: "nobody",
    fell: "reconnected",
  });
  expect(mouth.done.at(-1)).toBe("close");
  // The same session, which the gateway may still know as one that joined.
  speaker.attach(way({ mode: "join" }));
  await settle();
  expect(asked).toEqual(["ses_1 join", "ses_1 listen"]);
  expect(state()).toMatchObject({ mode: "listen", armed: false, fell: "reconnected" });
  expect(sockets).toHaveLength(1);
});

test("who listened only is not told of a microphone", () => {
  speaker.lost();
  expect(state()).toMatchObject({ mode: "listen", fell: null });
  speaker.attach(way());
  expect(asked).toEqual([]);
});

test("a microphone that is pulled out is said, and the gate shuts", async () => {
  await change("whisper");
  speaker.keepOpen(true);
  const socket = gate();
  mouth.unplug();
  expect(state()).toMatchObject({ armed: false, talk: "off", fell: "unplugged", mode: "whisper" });
  expect(socket.readyState).toBe(3);
  expect(peer.sent.at(-1)).toBeNull();
});

test("another microphone takes the place of the first", async () => {
  await change("whisper");
  await mouth.choose("mic_2");
  expect(peer.sent.at(-1)).toBe(mouth.voice.get());
  expect(state().armed).toBe(true);
});

test.each<[Mode, boolean]>([
  ["whisper", false],
  ["join", false],
  ["takeover", true],
])("a page that is left in mode %s goes on talking: %s", async (mode, goesOn) => {
  await change(mode);
  speaker.keepOpen(true);
  speaker.away();
  expect(state().talk).toBe(goesOn ? "open" : "off");
  expect(state().fell).toBe(goesOn ? null : "hidden");
  speaker.keepOpen(false);
  speaker.hold(true);
  speaker.away();
  expect(state().talk).toBe("off");
});

test("who answers a call is heard as soon as there is a connection, and while looking elsewhere", async () => {
  await mouth.open();
  speaker = make();
  speaker.expect("open");
  speaker.attach(way({ mode: "join" }));
  gate().accept();
  expect(wants()).toBe(true);
  says("join", true, ["caller"]);
  speaker.away();
  expect(state()).toMatchObject({ talk: "open", audience: "everyone" });
  speaker.lost();
  speaker.attach(way({ id: "ses_2" }));
  expect(state()).toMatchObject({ mode: "listen", armed: false, talk: "off" });
});

test("a takeover of a call that nobody listened to begins armed, and shut", async () => {
  await mouth.open();
  speaker = make();
  speaker.expect("off");
  speaker.attach(way({ mode: "takeover" }));
  expect(state()).toMatchObject({ mode: "takeover", armed: true, talk: "off" });
});

test("a microphone that is granted after the call was answered is armed, and shut", async () => {
  speaker = make();
  speaker.expect("open");
  speaker.attach(way({ mode: "join" }));
  await settle();
  expect(state()).toMatchObject({ mode: "join", armed: true, talk: "off" });
});

test("leaving lets go of the microphone, also of one that was never connected", async () => {
  await change("join");
  speaker.detach();
  expect(state()).toMatchObject({ mode: "listen", armed: false });
  expect(mouth.done.at(-1)).toBe("close");
  await mouth.open();
  speaker = make();
  speaker.expect("open");
  speaker.detach();
  expect(mouth.voice.get()).toBeNull();
});

test("a call that is listened to again can be spoken on again", async () => {
  await change("join");
  speaker.detach();
  speaker.attach(way({ id: "ses_2" }));
  expect(asked).toEqual(["ses_1 join"]);
  await change("whisper");
  mouth.unplug();
  expect(state()).toMatchObject({ mode: "whisper", armed: false, fell: "unplugged" });
});

test("leaving one call leaves the microphone of another alone", async () => {
  await mouth.open();
  speaker.detach();
  expect(mouth.voice.get()).not.toBeNull();
});
