// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import type { SessionGrant } from "./contract.ts";
import { type CallMonitor, type MonitorOptions, type MonitorState, createMonitor } from "./monitor.ts";
import { ApiError, type Problem } from "./problem.ts";
import { ANSWER, FakePeer } from "./testing/fakePeer.ts";
import type { Way } from "./speaker.ts";
import { FakeSpeaker } from "./testing/fakeSpeaker.ts";
import { makeGrant } from "./testing/records.ts";

interface Asked {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  keepalive: boolean;
}

let peers: FakePeer[];
let asked: Asked[];
let answers: ((asked: Asked) => Response | Promise<Response>)[];
let grants: (() => Promise<SessionGrant>)[];
let heard: string[];
let spoken: string[];
let seen: MonitorState["kind"][];
let monitor: CallMonitor;

const created = () =>
  new Response(ANSWER, {
    status: 201,
    headers: { location: "/whep/call_1/secret", "content-type": "application/sdp" },
  });
const restarted = () =>
  new Response("a=ice-ufrag:new1\r\na=ice-pwd:newpassword\r\na=mid:0\r\n", { status: 200 });
const refused = (status: number, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify({ status, detail: "no" }), { status, headers });
const failing = (problem: Problem) => () => Promise.reject(new ApiError(problem));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(1);
  vi.stubGlobal("MediaStream", class {});
  [peers, asked, answers, grants, heard, seen] = [[], [], [], [], [], []];
  spoken = [];
  monitor = create();
  monitor.state.subscribe(() => seen.push(monitor.state.get().kind));
});

function create(more: Partial<MonitorOptions> = {}): CallMonitor {
  return createMonitor({
    callId: "call_1",
    openSession: () => (grants.length > 1 ? grants.shift() : grants[0])?.() ?? Promise.resolve(makeGrant()),
    createPeer: () => {
      const peer = new FakePeer();
      peers.push(peer);
      return peer.asPeer();
    },
    send: (url, init) => {
      const one: Asked = {
        method: init.method ?? "GET",
        url,
        headers: init.headers as Record<string, string>,
        body: typeof init.body === "string" ? init.body : "",
        keepalive: init.keepalive ?? false,
      };
      asked.push(one);
      if (one.method === "DELETE") return Promise.resolve(new Response(null, { status: 200 }));
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return Promise.resolve((answer ?? created)(one));
    },
    sound: {
      resume: () => heard.push("resume"),
      play: () => heard.push("play"),
      fadeOut: () => {
        heard.push("fade");
        return Promise.resolve();
      },
      outputDelayMs: () => 10,
    },
    ...more,
  });
}

/** A monitor of somebody who may speak: what its speaker is told is written down. */
function createSpeaking(): CallMonitor {
  const speaker = Object.assign(new FakeSpeaker(), {
    expect: (begin: string) => void spoken.push(`expect ${begin}`),
    attach: ({ id, mode, gateUrl }: Way) => void spoken.push(`${id} ${mode} ${gateUrl}`),
    lost: () => void spoken.push("lost"),
    detach: () => void spoken.push("detach"),
  });
  return create({ speaker });
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const methods = () => asked.map((one) => one.method);
const peer = (): FakePeer => {
  const last = peers.at(-1);
  if (last === undefined) throw new Error("no peer was made");
  return last;
};

async function live(): Promise<void> {
  monitor.start();
  await settle();
  peer().turn("connected");
  await settle();
}

test("it only receives, asks for stereo, and posts without waiting for candidates", async () => {
  await live();
  expect(peer().directions).toEqual(["recvonly"]);
  expect(peer().receiver.jitterBufferTarget).toBe(20);
  expect(asked[0]).toMatchObject({
    method: "POST",
    url: "https://gateway.example/whep/call_1",
    headers: { authorization: "Bearer grant", "content-type": "application/sdp" },
  });
  expect(asked[0]?.body).toContain("useinbandfec=1;stereo=1\r\n");
  expect(asked[0]?.body).toBe(peer().locals[0]);
  expect(peer().remotes).toEqual([ANSWER]);
  expect(seen).toEqual(["connecting", "live"]);
});

test("the sound is woken inside the click, before anything is waited for", () => {
  monitor.start();
  expect(heard).toEqual(["resume"]);
});

test("stop fades, closes, and tells the gateway even while the page goes", async () => {
  await live();
  monitor.stop();
  expect(monitor.state.get()).toEqual({ kind: "stopped" });
  expect(peer().connectionState).toBe("connected");
  await settle();
  expect(heard).toEqual(["resume", "play", "fade"]);
  expect(peer().connectionState).toBe("closed");
  expect(asked.at(-1)).toMatchObject({
    method: "DELETE",
    url: "https://gateway.example/whep/call_1/secret",
    headers: { authorization: "Bearer grant" },
    keepalive: true,
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(methods()).toEqual(["POST", "DELETE"]);
});

test("stopping while the gateway still answers ends the session that it makes", async () => {
  let answer: (response: Response) => void = () => undefined;
  answers = [() => new Promise((resolve) => (answer = resolve))];
  monitor.start();
  await settle();
  monitor.stop();
  expect(methods()).toEqual(["POST"]);
  answer(created());
  await settle();
  expect(methods()).toEqual(["POST", "DELETE"]);
  expect(monitor.state.get()).toEqual({ kind: "stopped" });
  expect(peer().connectionState).toBe("closed");
});

test("the delay is buffer, half the way, the gateway's frame and the output", async () => {
  await live();
  const stats = (delay: number, emitted: number, received: number) => [
    {
      type: "inbound-rtp",
      kind: "audio",
      jitterBufferDelay: delay,
      jitterBufferEmittedCount: emitted,
      packetsReceived: received,
      packetsLost: 1,
    },
    { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.04 },
  ];
  peer().stats = stats(4800, 48_000, 50);
  await vi.advanceTimersByTimeAsync(1000);
  peer().stats = stats(4800 + 48_000 * 0.06, 96_000, 100);
  await vi.advanceTimersByTimeAsync(1000);
  expect(monitor.state.get()).toEqual({
    kind: "live",
    reception: {
      voices: "apart",
      delayMs: 60 + 20 + 20 + 10,
      packetsReceived: 100,
      packetsLost: 1,
      roundTripMs: 40,
      bufferMs: expect.closeTo(60, 6) as number,
    },
  });
});

test("a lost connection is restarted on the same session", async () => {
  await live();
  answers = [restarted];
  peer().turn("disconnected");
  await settle();
  expect(monitor.state.get()).toEqual({ kind: "reconnecting", heard: true, problem: null, retryAt: null });
  expect(asked[1]).toMatchObject({
    method: "PATCH",
    url: "https://gateway.example/whep/call_1/secret",
    headers: {
      "content-type": "application/trickle-ice-sdpfrag",
      "if-match": "*",
      authorization: "Bearer grant",
    },
  });
  expect(asked[1]?.body).toContain("a=ice-ufrag:beef\r\n");
  expect(peer().remotes[1]).toContain("a=ice-ufrag:new1\r\n");
  peer().turn("connected");
  await settle();
  expect(monitor.state.get().kind).toBe("live");
  expect(peers).toHaveLength(1);
  expect(heard).toEqual(["resume", "play", "fade", "play"]);
});

test("when the restart is refused a new session is opened", async () => {
  await live();
  answers = [() => refused(404), created];
  peer().turn("failed");
  await settle();
  expect(methods()).toEqual(["POST", "PATCH", "DELETE"]);
  expect(monitor.state.get()).toMatchObject({ kind: "reconnecting", heard: true });
  await vi.advanceTimersByTimeAsync(500);
  peer().turn("connected");
  await settle();
  expect(methods()).toEqual(["POST", "PATCH", "DELETE", "POST"]);
  expect(peers).toHaveLength(2);
  expect(monitor.state.get().kind).toBe("live");
});

test("when the restart brings no connection a new session is opened", async () => {
  await live();
  answers = [restarted, created];
  peer().turn("disconnected");
  await vi.advanceTimersByTimeAsync(5500);
  expect(methods()).toEqual(["POST", "PATCH", "DELETE", "POST"]);
});

test("a call without audio is said so at once", async () => {
  grants = [failing({ kind: "conflict", code: "call_not_live", detail: "" })];
  monitor.start();
  await settle();
  expect(monitor.state.get()).toEqual({
    kind: "failed",
    problem: { kind: "conflict", code: "call_not_live", detail: "" },
  });
  expect(peers).toHaveLength(0);
});

test("who may not listen is told so at once", async () => {
  grants = [failing({ kind: "forbidden", detail: "agents hear their own calls" })];
  monitor.start();
  await settle();
  expect(monitor.state.get()).toMatchObject({ kind: "failed", problem: { kind: "forbidden" } });
});

test("a grant that the gateway does not take is no sign-out", async () => {
  answers = [() => refused(401)];
  monitor.start();
  await settle();
  expect(monitor.state.get()).toMatchObject({ kind: "failed", problem: { kind: "forbidden" } });
});

test("a full gateway is asked again when it says, and then works", async () => {
  answers = [() => refused(503, { "retry-after": "3" }), created];
  monitor.start();
  await settle();
  expect(monitor.state.get()).toEqual({
    kind: "reconnecting",
    heard: false,
    problem: { kind: "unavailable", retryAfterSeconds: 3 },
    retryAt: Date.now() + 3000,
  });
  expect(peer().connectionState).toBe("closed");
  await vi.advanceTimersByTimeAsync(2900);
  expect(methods()).toEqual(["POST"]);
  await vi.advanceTimersByTimeAsync(100);
  peer().turn("connected");
  await settle();
  expect(monitor.state.get().kind).toBe("live");
});

test("a gateway that has no audio yet is asked again", async () => {
  answers = [() => refused(404), created];
  monitor.start();
  await settle();
  expect(monitor.state.get()).toMatchObject({ kind: "reconnecting", problem: { kind: "no_audio" } });
  await vi.advanceTimersByTimeAsync(500);
  expect(methods()).toEqual(["POST", "POST"]);
});

test("when no packet gets through it says so, and gives up after half a minute", async () => {
  monitor.start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(monitor.state.get()).toMatchObject({ kind: "reconnecting", problem: { kind: "no_media" } });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(monitor.state.get()).toEqual({ kind: "failed", problem: { kind: "no_media" } });
  expect(methods().filter((method) => method === "POST")).toHaveLength(methods().length / 2);
});

test("once it was heard, it is tried for two minutes", async () => {
  await live();
  answers = [() => Promise.reject(new TypeError("Failed to fetch"))];
  peer().turn("failed");
  await vi.advanceTimersByTimeAsync(100_000);
  expect(monitor.state.get()).toMatchObject({ kind: "reconnecting", problem: { kind: "unreachable" } });
  await vi.advanceTimersByTimeAsync(40_000);
  expect(monitor.state.get()).toEqual({ kind: "failed", problem: { kind: "unreachable" } });
});

test("control that knows no audio any more, after some was heard, means the end of it", async () => {
  await live();
  grants = [failing({ kind: "conflict", code: "call_not_live", detail: "" })];
  answers = [() => refused(404)];
  peer().turn("failed");
  await vi.advanceTimersByTimeAsync(500);
  expect(monitor.state.get()).toEqual({ kind: "ended", callGoesOn: true });
});

test("the end of the call ends the listening, and the later word is the truer one", async () => {
  await live();
  monitor.end(true);
  expect(monitor.state.get()).toEqual({ kind: "ended", callGoesOn: true });
  monitor.end(false);
  monitor.end(true);
  expect(monitor.state.get()).toEqual({ kind: "ended", callGoesOn: false });
  await settle();
  expect(methods()).toEqual(["POST", "DELETE"]);
});

test("the end of a call that nobody listens to is no news", () => {
  monitor.end(false);
  expect(monitor.state.get()).toEqual({ kind: "idle" });
});

test("a browser without WebRTC is named as the reason", async () => {
  vi.stubGlobal("RTCPeerConnection", undefined);
  const bare = createMonitor({
    callId: "call_1",
    openSession: () => Promise.resolve(makeGrant()),
    createPeer: () => {
      throw new ReferenceError("RTCPeerConnection is not defined");
    },
    send: () => Promise.reject(new Error("unused")),
    sound: {
      resume: () => undefined,
      play: () => undefined,
      fadeOut: () => Promise.resolve(),
      outputDelayMs: () => 0,
    },
  });
  bare.start();
  await settle();
  expect(bare.state.get()).toEqual({ kind: "failed", problem: { kind: "unsupported" } });
});

test("an answer that does not fit is refused, and its session ended", async () => {
  monitor.start();
  await Promise.resolve();
  peers.forEach((one) => (one.refuseAnswer = true));
  vi.spyOn(FakePeer.prototype, "setRemoteDescription").mockRejectedValue(new Error("does not fit"));
  await settle();
  expect(monitor.state.get()).toMatchObject({
    kind: "failed",
    problem: { kind: "refused", detail: "does not fit" },
  });
  expect(methods()).toEqual(["POST", "DELETE"]);
});

test("an answer without a location is refused", async () => {
  answers = [() => new Response(ANSWER, { status: 201 })];
  monitor.start();
  await settle();
  expect(monitor.state.get()).toMatchObject({ kind: "failed", problem: { kind: "refused" } });
});

test("it can be started again after it was stopped", async () => {
  await live();
  monitor.stop();
  await settle();
  await live();
  expect(monitor.state.get().kind).toBe("live");
  expect(peers).toHaveLength(2);
});

test("who may speak offers room for a microphone and puts nothing in it", async () => {
  monitor = createSpeaking();
  await live();
  expect(peer().directions).toEqual(["sendrecv"]);
  expect(peer().sent).toEqual([]);
  expect(spoken).toEqual(["ses_1 listen wss://gateway.example/whep/call_1/secret/mic"]);
  monitor.stop();
  expect(spoken.at(-1)).toBe("detach");
});

test("a lost connection is lost for the microphone before it is tried again", async () => {
  monitor = createSpeaking();
  await live();
  answers = [restarted];
  peer().turn("disconnected");
  await settle();
  expect(spoken[1]).toBe("lost");
  expect(methods()).toEqual(["POST", "PATCH"]);
  peer().turn("connected");
  await settle();
  expect(spoken).toHaveLength(3);
});

test("leave that was given already is used once, and then it is asked as a listener", async () => {
  monitor = createSpeaking();
  const grant = makeGrant({ id: "ses_9", mode: "takeover", token: "own" });
  monitor.start({ grant, begin: "off" });
  await settle();
  peer().turn("connected");
  await settle();
  expect(asked[0]?.headers).toMatchObject({ authorization: "Bearer own" });
  expect(spoken).toEqual(["expect off", expect.stringContaining("ses_9 takeover")]);
  answers = [() => refused(404), created];
  peer().turn("failed");
  await vi.advanceTimersByTimeAsync(500);
  peer().turn("connected");
  await settle();
  expect(asked.at(-1)?.headers).toMatchObject({ authorization: "Bearer grant" });
  expect(spoken.slice(2)).toEqual(["lost", expect.stringContaining("ses_1 listen")]);
});
