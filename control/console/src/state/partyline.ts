/** The parts that live outside React, put together once a page. */

import { Account } from "@partyline/client/account";
import { type Api, createApi } from "@partyline/client/api";
import { steadyBeat } from "@partyline/client/beat";
import { createDebug } from "@partyline/client/debug";
import { ListeningDesk } from "@partyline/client/desk";
import { LiveFeed } from "@partyline/client/liveFeed";
import { createMonitor } from "@partyline/client/monitor";
import { type Mouth, WebMouth } from "@partyline/client/mouth";
import { type Sound, WebSound } from "@partyline/client/sound";
import { Speaker } from "@partyline/client/speaker";
import { type Bell, WebBell } from "./bell.ts";
import { type PreferenceStore, createPreferences } from "./preferences.ts";
import { SayDesk } from "./sayDesk.ts";
import { rightsOf } from "./useUser.ts";

/** What pages work with. Each part can be replaced by a fake of the same shape. */
export interface Partyline {
  readonly account: Pick<
    Account,
    "state" | "resume" | "signIn" | "signOut" | "signOutEverywhere" | "accept" | "provider"
  >;
  readonly api: Api;
  readonly feed: Pick<LiveFeed, "list" | "retryNow" | "keep" | "watch">;
  readonly desk: Pick<ListeningDesk, "current" | "listen" | "stop" | "clear">;
  readonly sound: Pick<Sound, "settings" | "blocked" | "change" | "resume" | "samples">;
  readonly mouth: Mouth;
  readonly says: SayDesk;
  readonly bell: Bell;
  readonly preferences: PreferenceStore;
}

/** The real parts, on this browser's network, sound and storage. */
export function createPartyline(): Partyline {
  const send = (request: Request) => globalThis.fetch(request);
  const baseUrl = location.origin;
  const account = new Account({ send, baseUrl, locks: navigator.locks });
  const api = createApi(baseUrl, account);
  const preferences = createPreferences(storage());
  const sound = new WebSound(preferences.value.get().sound);
  sound.settings.subscribe(() => preferences.change({ sound: sound.settings.get() }));
  const feed = new LiveFeed({
    url: `${baseUrl.replace(/^http/, "ws")}/api/live`,
    open: (url, protocols) => new WebSocket(url, protocols),
    token: account.token,
    replace: account.replace,
    probe: () => api.activeCalls(),
  });
  const mouth = new WebMouth({
    // Missing outside of https, whatever its type says.
    media: "mediaDevices" in navigator ? navigator.mediaDevices : undefined,
    createContext: () => new AudioContext(),
    chosen: preferences.value.get().microphone,
  });
  mouth.state.subscribe(() => {
    const state = mouth.state.get();
    if (state.kind === "ready") preferences.change({ microphone: state.device.id });
  });
  const desk = new ListeningDesk(feed.list, (callId) => {
    const state = account.state.get();
    const { speak, answer } = rightsOf(state.kind === "signed_in" ? state.user.role : undefined);
    return createMonitor({
      callId,
      openSession: (id, signal) => api.openSession(id, signal),
      createPeer: (configuration) => new RTCPeerConnection(configuration),
      send: (url, init) => globalThis.fetch(url, init),
      sound,
      ...(speak || answer
        ? {
            speaker: new Speaker({
              mouth,
              changeMode: (session, mode) => api.changeMode(callId, session, mode),
              openGate: (url) => new WebSocket(url),
              beat: steadyBeat,
            }),
          }
        : {}),
    });
  });
  const says = new SayDesk(api);
  feed.watch((event) => says.take(event));
  globalThis.partylineDebug = createDebug(desk);

  account.state.subscribe(() => {
    const { kind } = account.state.get();
    if (kind === "signed_in") feed.start();
    if (kind === "signed_out") {
      desk.clear();
      feed.stop();
      says.clear();
    }
  });
  window.addEventListener("online", feed.retryNow);
  window.addEventListener("offline", () => desk.current.get()?.speaker?.cut());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") feed.retryNow();
    else desk.current.get()?.speaker?.away();
  });
  // Tells the gateway before the page goes; otherwise it would wait for us half a minute.
  window.addEventListener("pagehide", desk.stop);
  return { account, api, feed, desk, sound, mouth, says, bell: new WebBell(), preferences };
}

/** Reading `localStorage` alone throws where the browser forbids it. */
function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
