import type { Call } from "@partyline/client/contract";
import type { MouthProblem } from "@partyline/client/mouth";
import { type Problem, problemIn } from "@partyline/client/problem";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useState } from "react";
import { paths } from "../paths.ts";
import { callerOf } from "../words/call.ts";
import { useLive } from "./useLive.ts";
import { usePartyline } from "./usePartyline.ts";
import { useRights, useUser } from "./useUser.ts";

/** Why a call was not answered. */
export type AnswerProblem = { kind: "mouth"; why: MouthProblem } | { kind: "control"; problem: Problem };

/** Answering calls that ring. */
export interface Answering {
  /** The call that is being answered; null when none is. */
  readonly busy: string | null;
  readonly problem: AnswerProblem | null;
  readonly answer: (call: Call) => Promise<void>;
}

/** Answers with the microphone in hand: nobody is answered by somebody who cannot speak. */
export function useAnswer(): Answering {
  const { api, bell, desk, mouth, sound } = usePartyline();
  const navigate = useNavigate();
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<AnswerProblem | null>(null);
  const answer = useCallback(
    async (call: Call) => {
      if (busy !== null) return;
      sound.resume();
      void bell.ask();
      desk.stop();
      setBusy(call.id);
      setProblem(null);
      try {
        if (!(await mouth.open())) {
          const state = mouth.state.get();
          setProblem({ kind: "mouth", why: state.kind === "failed" ? state.why : "denied" });
          return;
        }
        const grant = await api.answer(call.id);
        desk.listen(call.id, { grant, begin: "open" });
        await navigate({ to: paths.call, params: { callId: call.id } });
      } catch (error) {
        mouth.close();
        setProblem({ kind: "control", problem: problemIn(error) });
      } finally {
        setBusy(null);
      }
    },
    [api, bell, desk, mouth, sound, navigate, busy],
  );
  return { busy, problem, answer };
}

/** Calls that wait for somebody to answer them here, oldest first. */
export function useRinging(): readonly Call[] {
  const { feed } = usePartyline();
  const { rows } = useLive(feed.list);
  const { answer } = useRights();
  if (!answer) return [];
  return rows
    .filter(({ call, leavesAt }) => call.rings && leavesAt === null)
    .map(({ call }) => call)
    .toReversed();
}

/** The call that this person has answered and that goes on; null when there is none. */
export function useOwnCall(): Call | null {
  const { feed } = usePartyline();
  const { rows } = useLive(feed.list);
  const user = useUser();
  const row = rows.find(
    ({ call, leavesAt }) => leavesAt === null && user !== null && call.answered_by?.id === user.id,
  );
  return row?.call ?? null;
}

/** One ring each so many ms. */
const RING_EVERY_MS = 3000;

/** Makes ringing calls known: a sound, and the system's own way when the page is not looked at. */
export function useBell(calls: readonly Call[], isOnCall: boolean): void {
  const { bell, preferences } = usePartyline();
  const { ring } = useLive(preferences.value);
  const rings = ring && !isOnCall && calls.length > 0;
  useEffect(() => {
    if (!rings) return undefined;
    bell.ring();
    const timer = setInterval(() => bell.ring(), RING_EVERY_MS);
    return () => clearInterval(timer);
  }, [bell, rings]);
  const newest = calls.at(-1) ?? null;
  const text = newest === null ? "" : `${callerOf(newest)} is calling`;
  const newestId = newest?.id;
  useEffect(() => {
    if (ring && newestId !== undefined && document.visibilityState === "hidden")
      bell.notify(text, () => undefined);
  }, [bell, ring, newestId, text]);
}
