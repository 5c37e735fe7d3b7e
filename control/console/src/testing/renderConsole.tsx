/** The whole console on parts that a test holds in its hand. */

import type { AccountState } from "@partyline/client/account";
import { Cell } from "@partyline/client/cell";
import type { Call, Role } from "@partyline/client/contract";
import type { LiveEvent } from "@partyline/client/liveFeed";
import { EMPTY_LIST, type FeedState, type LiveList, type LiveRow } from "@partyline/client/liveList";
import type { CallMonitor, MonitorState } from "@partyline/client/monitor";
import { ApiError, type Problem } from "@partyline/client/problem";
import { NO_RECEPTION } from "@partyline/client/reception";
import { DEFAULT_SOUND, type SoundSettings } from "@partyline/client/sound";
import type { SpeakerState } from "@partyline/client/speaker";
import { FakeMonitor } from "@partyline/client/testing/fakeMonitor";
import { FakeMouth } from "@partyline/client/testing/fakeMouth";
import { FakeSpeaker } from "@partyline/client/testing/fakeSpeaker";
import { makeCall, makeUser } from "@partyline/client/testing/records";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider, createMemoryHistory } from "@tanstack/react-router";
import { act, render } from "@testing-library/react";
import { createConsoleRouter } from "../router.ts";
import type { Partyline } from "../state/partyline.ts";
import { createPreferences } from "../state/preferences.ts";
import { SayDesk } from "../state/sayDesk.ts";
import { createQueries } from "../state/queries.ts";
import { PartylineContext } from "../state/usePartyline.ts";
import { fakeApi, makeAnswers } from "./fakeApi.ts";

export function rowOf(call: Call, changes: Partial<LiveRow> = {}): LiveRow {
  return { call, newUntil: null, leavesAt: null, ...changes };
}

/** Fakes of every part, and what the page did to them. */
export function makeParts() {
  const account = new Cell<AccountState>({ kind: "signed_in", user: makeUser() });
  const list = new Cell<LiveList>({ ...EMPTY_LIST, seq: 1, feed: { kind: "current" } });
  const current = new Cell<CallMonitor | null>(null);
  const sound = new Cell<SoundSettings>(DEFAULT_SOUND);
  const blocked = new Cell(false);
  const mouth = new FakeMouth();
  const rung: string[] = [];
  const done: string[] = [];
  const watchers = new Set<(event: LiveEvent) => void>();
  const answers = { ...makeAnswers(), signIn: null as Problem | null, provider: null as string | null };
  const api = fakeApi(done, answers);
  const partyline: Partyline = {
    account: {
      state: account,
      resume: () => Promise.resolve(),
      signIn: (email, password) => {
        done.push(`sign in ${email} ${password}`);
        return Promise.resolve(answers.signIn);
      },
      provider: () => Promise.resolve(answers.provider),
      signOut: () => {
        done.push("sign out");
        return Promise.resolve(null);
      },
      signOutEverywhere: () => {
        done.push("sign out everywhere");
        return Promise.resolve();
      },
      accept: (token, name, password) => {
        done.push(`accept ${token} ${name} ${password}`);
        if (answers.signIn !== null) return Promise.reject(new ApiError(answers.signIn));
        account.set({ kind: "signed_in", user: makeUser({ name }) });
        return Promise.resolve();
      },
    },
    api,
    feed: {
      list,
      retryNow: () => done.push("retry"),
      keep: (callId) => done.push(`keep ${callId}`),
      watch: (watcher) => {
        watchers.add(watcher);
        return () => watchers.delete(watcher);
      },
    },
    desk: {
      current,
      listen: (callId, leave) => {
        done.push(
          leave === undefined ? `listen ${callId}` : `listen ${callId} ${leave.grant.mode} ${leave.begin}`,
        );
        current.set(new FakeMonitor(callId, { kind: "connecting" }));
      },
      stop: () => {
        done.push("stop");
        current.get()?.stop();
      },
      clear: () => current.set(null),
    },
    sound: {
      settings: sound,
      blocked,
      change: (settings) => sound.set({ ...sound.get(), ...settings }),
      resume: () => done.push("resume"),
      samples: () => false,
    },
    mouth,
    says: new SayDesk(api),
    bell: {
      ring: () => rung.push("ring"),
      notify: (text) => rung.push(text),
      ask: () => Promise.resolve(),
    },
    preferences: createPreferences(null),
  };
  return {
    partyline,
    account,
    list,
    current,
    sound,
    blocked,
    mouth,
    rung,
    done,
    answers,
    /** Shows these rows in a list of this freshness. */
    show: (rows: LiveRow[], feed: FeedState = { kind: "current" }) =>
      act(() => list.set({ ...list.get(), seq: 1, rows, feed })),
    /** Lets somebody with this role look. */
    as: (role: Role) => act(() => account.set({ kind: "signed_in", user: makeUser({ role }) })),
    /** Puts the call on the desk in this state. */
    listening: (state: MonitorState, callId = makeCall().id) =>
      act(() => current.set(new FakeMonitor(callId, state))),
    /** Puts the call on the desk, heard, with this said of speaking on it. */
    speaking: (state: Partial<SpeakerState> = {}, callId = makeCall().id): FakeSpeaker => {
      const speaker = new FakeSpeaker(state);
      act(() => current.set(new FakeMonitor(callId, { kind: "live", reception: NO_RECEPTION }, speaker)));
      return speaker;
    },
    tell: (event: LiveEvent) => act(() => watchers.forEach((watcher) => watcher(event))),
  };
}

export type Parts = ReturnType<typeof makeParts>;

/** Renders the console at this address. */
export async function renderConsole(parts: Parts, address = "/calls") {
  const router = createConsoleRouter(createMemoryHistory({ initialEntries: [address] }));
  await router.load();
  const page = render(
    <PartylineContext value={parts.partyline}>
      <QueryClientProvider client={createQueries()}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </PartylineContext>,
  );
  // What was asked for while rendering has come.
  await act(() => Promise.resolve());
  return { ...page, router };
}
