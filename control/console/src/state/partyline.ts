/** The parts that live outside React, put together once a page. */

import { Account } from "@partyline/client/account";
import { type Api, createApi } from "@partyline/client/api";
import { createDebug } from "@partyline/client/debug";
import { ListeningDesk } from "@partyline/client/desk";
import { LiveFeed } from "@partyline/client/liveFeed";
import { createMonitor } from "@partyline/client/monitor";
import { type Sound, WebSound } from "@partyline/client/sound";
import { type PreferenceStore, createPreferences } from "./preferences.ts";

/** What pages work with. Each part can be replaced by a fake of the same shape. */
export interface Partyline {
  readonly account: Pick<
    Account,
    "state" | "resume" | "signIn" | "signOut" | "signOutEverywhere" | "join" | "provider"
  >;
  readonly api: Api;
  readonly feed: Pick<LiveFeed, "list" | "retryNow" | "keep" | "watch">;
  readonly desk: Pick<ListeningDesk, "current" | "listen" | "stop" | "clear">;
  readonly sound: Pick<Sound, "settings" | "blocked" | "change" | "resume" | "samples">;
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
  const desk = new ListeningDesk(feed.list, (callId) =>
    createMonitor({
      callId,
      openSession: (id, signal) => api.openSession(id, signal),
      createPeer: (configuration) => new RTCPeerConnection(configuration),
      send: (url, init) => globalThis.fetch(url, init),
      sound,
    }),
  );
  globalThis.partylineDebug = createDebug(desk);

  account.state.subscribe(() => {
    const { kind } = account.state.get();
    if (kind === "signed_in") feed.start();
    if (kind === "signed_out") {
      desk.clear();
      feed.stop();
    }
  });
  window.addEventListener("online", feed.retryNow);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") feed.retryNow();
  });
  // Tells the gateway before the page goes; otherwise it would wait for us half a minute.
  window.addEventListener("pagehide", desk.stop);
  return { account, api, feed, desk, sound, preferences };
}

/** Reading `localStorage` alone throws where the browser forbids it. */
function storage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
