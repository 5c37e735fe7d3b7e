// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import { plainBeat } from "./beat.ts";
import { Gate, type GateEnd, type GateWord, readWord } from "./gate.ts";
import { FakeSocket } from "./testing/fakeSocket.ts";

let socket: FakeSocket;
let words: GateWord[];
let ends: GateEnd[];
let gate: Gate;
let tick: () => void;

const nobody = { mode: "whisper", talking: false, heard_by: [] };
const heard = { mode: "whisper", talking: true, heard_by: ["agents"] };

beforeEach(() => {
  vi.useFakeTimers();
  [words, ends] = [[], []];
  gate = new Gate({
    url: "wss://gateway.example/whep/call_1/secret/mic",
    open: (url) => {
      socket = new FakeSocket(url);
      return socket.asSocket();
    },
    beat: (ms, onTick) => {
      tick = onTick;
      return plainBeat(ms, onTick);
    },
    onWord: (word) => words.push(word),
    onEnd: (end) => ends.push(end),
  });
});

const said = () => socket.sent.map((text) => (JSON.parse(text) as { talk: boolean }).talk);

test("it says that nobody wants to be heard, again and again", async () => {
  socket.accept();
  socket.say(nobody);
  await vi.advanceTimersByTimeAsync(900);
  expect(said()).toEqual([false, false, false, false]);
  expect(words).toEqual([{ mode: "whisper", talking: false, heardBy: [] }]);
});

test("a change is said at once, and repeated more often than the gateway's patience", async () => {
  socket.accept();
  socket.say(nobody);
  gate.want(true);
  expect(said()).toEqual([false, true]);
  for (let half = 0; half < 6; half++) {
    socket.say(heard);
    await vi.advanceTimersByTimeAsync(500);
  }
  expect(said().slice(2)).toEqual(Array.from({ length: 10 }, () => true));
  expect(ends).toEqual([]);
});

test("a gateway that says nothing more while we talk is lost", async () => {
  socket.accept();
  gate.want(true);
  socket.say(heard);
  await vi.advanceTimersByTimeAsync(1500);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(300);
  expect(ends).toEqual(["lost"]);
});

test("nothing is said before the socket is open, and what is wanted then", () => {
  gate.want(true);
  expect(said()).toEqual([]);
  socket.accept();
  expect(said()).toEqual([true]);
});

test.each([
  ["opened", true, nobody],
  ["shut", false, heard],
])("a gate that the gateway does not say it has %s is let go of", async (_what, talk, last) => {
  socket.accept();
  socket.say(nobody);
  gate.want(true);
  socket.say(last);
  gate.want(talk);
  await vi.advanceTimersByTimeAsync(900);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(400);
  expect(ends).toEqual(["unconfirmed"]);
  expect(socket.readyState).toBe(3);
  expect(vi.getTimerCount()).toBe(0);
});

test("a socket that never opens is given up", async () => {
  await vi.advanceTimersByTimeAsync(4900);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(600);
  expect(ends).toEqual(["unconfirmed"]);
});

test("a lost socket is said once", () => {
  socket.accept();
  socket.drop();
  expect(ends).toEqual(["lost"]);
  gate.want(true);
  expect(said()).toEqual([false]);
});

test("a network that is gone ends it, whatever the socket thinks", () => {
  socket.accept();
  socket.say(nobody);
  gate.want(true);
  socket.say(heard);
  gate.cut();
  expect(ends).toEqual(["lost"]);
  expect(socket.readyState).toBe(3);
});

test("a page that slept does not go on as if it had not", () => {
  socket.accept();
  socket.say(nobody);
  gate.want(true);
  socket.say(heard);
  vi.setSystemTime(Date.now() + 5000);
  tick();
  expect(ends).toEqual(["slept"]);
  expect(said()).toEqual([false, true]);
});

test("a page that slept in silence goes on", () => {
  socket.accept();
  socket.say(nobody);
  vi.setSystemTime(Date.now() + 5000);
  tick();
  expect(ends).toEqual([]);
});

test("closing it is no end that anybody is told", () => {
  socket.accept();
  gate.close();
  expect(ends).toEqual([]);
  expect(socket.readyState).toBe(3);
  expect(vi.getTimerCount()).toBe(0);
});

test("what is not understood is no word, and unknown ears are ears all the same", () => {
  for (const text of [
    "",
    "[]",
    "{}",
    '{"mode":"shout","talking":true}',
    '{"mode":"join","talking":"yes"}',
    '{"talking":true}',
  ]) {
    expect(readWord(text), text).toBeNull();
  }
  expect(readWord('{"mode":"join","talking":true,"heard_by":["caller","bot",7]}')).toEqual({
    mode: "join",
    talking: true,
    heardBy: ["caller", "others", "others"],
  });
  expect(readWord('{"mode":"listen","talking":false}')).toEqual({
    mode: "listen",
    talking: false,
    heardBy: [],
  });
});

test("words beyond any bound are not read", () => {
  socket.accept();
  socket.say({ ...nobody, more: "x".repeat(5000) });
  expect(words).toEqual([]);
});
