// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import { WebMouth } from "./mouth.ts";

class FakeTrack extends EventTarget {
  enabled = true;
  muted = false;
  stopped = false;
  contentHint = "";
  readonly copies: FakeTrack[] = [];
  readonly label: string;

  constructor(label: string) {
    super();
    this.label = label;
  }

  getSettings(): MediaTrackSettings {
    return { deviceId: `id of ${this.label}` };
  }

  clone(): FakeTrack {
    const copy = new FakeTrack(this.label);
    this.copies.push(copy);
    return copy;
  }

  stop(): void {
    this.stopped = true;
  }
}

class FakeMedia extends EventTarget {
  readonly asked: MediaStreamConstraints[] = [];
  readonly tracks: FakeTrack[] = [];
  answer: (track: FakeTrack) => Promise<FakeTrack> = (track) => Promise.resolve(track);
  devices = [
    { kind: "audioinput", deviceId: "one", label: "Headset" },
    { kind: "audioinput", deviceId: "", label: "" },
    { kind: "audiooutput", deviceId: "two", label: "Loudspeaker" },
  ];

  async getUserMedia(constraints: MediaStreamConstraints): Promise<MediaStream> {
    this.asked.push(constraints);
    const track = await this.answer(new FakeTrack(`mic ${this.asked.length}`));
    this.tracks.push(track);
    return { getAudioTracks: () => [track], getTracks: () => [track] } as unknown as MediaStream;
  }

  enumerateDevices(): Promise<MediaDeviceInfo[]> {
    return Promise.resolve(this.devices as MediaDeviceInfo[]);
  }
}

let media: FakeMedia;
let mouth: WebMouth;
let contexts: number;

const make = (chosen: string | null = null) =>
  new WebMouth({
    media: media,
    createContext: () => {
      contexts += 1;
      return {
        resume: () => Promise.resolve(),
        close: () => Promise.resolve(void (contexts -= 1)),
        createMediaStreamSource: () => ({ connect: () => undefined }),
      } as unknown as AudioContext;
    },
    chosen,
  });
const named = (name: string) => Object.assign(new Error("no"), { name });

beforeEach(() => {
  vi.stubGlobal("MediaStream", class {});
  vi.stubGlobal(
    "AnalyserNode",
    class {
      getFloatTimeDomainData(into: Float32Array): void {
        into.fill(0.5);
      }
    },
  );
  media = new FakeMedia();
  contexts = 0;
  mouth = make();
});

test("it asks for echo cancellation, and what it gives is silent until somebody says otherwise", async () => {
  expect(media.asked).toEqual([]);
  expect(await mouth.open()).toBe(true);
  expect(media.asked[0]).toMatchObject({
    audio: { echoCancellation: true, channelCount: 1 },
    video: false,
  });
  expect(mouth.state.get()).toEqual({
    kind: "ready",
    device: { id: "id of mic 1", name: "mic 1" },
    silenced: false,
  });
  expect(mouth.voice.get()?.enabled).toBe(false);
  // The meter hears all the same.
  expect(media.tracks[0]?.enabled).toBe(true);
  const samples = new Float32Array(4);
  expect(mouth.samples(samples)).toBe(true);
  expect(samples[0]).toBe(0.5);
  expect(mouth.devices.get()).toEqual([{ id: "one", name: "Headset" }]);
});

test("asked for twice it is opened once", async () => {
  await Promise.all([mouth.open(), mouth.open()]);
  await mouth.open();
  expect(media.asked).toHaveLength(1);
});

test("closing lets go of all of it", async () => {
  await mouth.open();
  mouth.close();
  expect(mouth.state.get()).toEqual({ kind: "off" });
  expect(mouth.voice.get()).toBeNull();
  expect(media.tracks[0]?.stopped).toBe(true);
  expect(media.tracks[0]?.copies[0]?.stopped).toBe(true);
  expect(contexts).toBe(0);
  expect(mouth.samples(new Float32Array(4))).toBe(false);
});

test("a yes that comes after one does not want it any more is let go of", async () => {
  let yes: () => void = () => undefined;
  media.answer = (track) => new Promise((resolve) => (yes = () => resolve(track)));
  const opened = mouth.open();
  expect(mouth.state.get()).toEqual({ kind: "asking" });
  mouth.close();
  yes();
  expect(await opened).toBe(false);
  expect(media.tracks[0]?.stopped).toBe(true);
  expect(mouth.state.get()).toEqual({ kind: "off" });
});

test.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "missing"],
  ["NotReadableError", "busy"],
  ["TypeError", "unsupported"],
])("%s means that it is %s, and it can be tried again", async (name, why) => {
  media.answer = () => Promise.reject(named(name));
  expect(await mouth.open()).toBe(false);
  expect(mouth.state.get()).toEqual({ kind: "failed", why });
  media.answer = (track) => Promise.resolve(track);
  expect(await mouth.open()).toBe(true);
});

test("a browser without microphones says so", async () => {
  mouth = new WebMouth({ media: undefined, createContext: () => new AudioContext() });
  expect(await mouth.open()).toBe(false);
  expect(mouth.state.get()).toEqual({ kind: "failed", why: "unsupported" });
});

test("pulled out while it is in use", async () => {
  await mouth.open();
  media.tracks[0]?.dispatchEvent(new Event("ended"));
  expect(mouth.state.get()).toEqual({ kind: "failed", why: "unplugged" });
  expect(mouth.voice.get()).toBeNull();
  expect(contexts).toBe(0);
});

test("a switch on the headset is seen", async () => {
  await mouth.open();
  const track = media.tracks[0];
  if (track === undefined) throw new Error("no track");
  track.muted = true;
  track.dispatchEvent(new Event("mute"));
  expect(mouth.state.get()).toMatchObject({ kind: "ready", silenced: true });
});

test("another one is taken without being off between", async () => {
  await mouth.open();
  const kinds: string[] = [];
  mouth.state.subscribe(() => kinds.push(mouth.state.get().kind));
  expect(await mouth.choose("two")).toBe(true);
  expect(kinds).toEqual(["asking", "ready"]);
  expect(media.asked[1]).toMatchObject({ audio: { deviceId: { ideal: "two" } } });
  expect(media.tracks.map(({ stopped }) => stopped)).toEqual([true, false]);
});

test("chosen while it is off, it is opened when it is wanted", async () => {
  expect(await mouth.choose("two")).toBe(false);
  expect(media.asked).toEqual([]);
  await mouth.open();
  expect(media.asked[0]).toMatchObject({ audio: { deviceId: { ideal: "two" } } });
});

test("the choice of an earlier visit is asked for", async () => {
  await make("three").open();
  expect(media.asked[0]).toMatchObject({ audio: { deviceId: { ideal: "three" } } });
});

test("what is plugged in later can be chosen", async () => {
  media.devices = [{ kind: "audioinput", deviceId: "new", label: "New one" }];
  media.dispatchEvent(new Event("devicechange"));
  await Promise.resolve();
  await Promise.resolve();
  expect(mouth.devices.get()).toEqual([{ id: "new", name: "New one" }]);
});
