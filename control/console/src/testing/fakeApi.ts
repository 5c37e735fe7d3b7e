/** Control's API as a test holds it: what it answers, and what it was asked. */

import type { Api } from "@partyline/client/api";
import type { CallRecords } from "@partyline/client/calls";
import type {
  Analytics,
  ApiKey,
  AuditPage,
  Call,
  CallStats,
  Hearing,
  Invitation,
  InvitationNew,
  PhoneNumber,
  TenantView,
  TranscriptLine,
  User,
} from "@partyline/client/contract";
import { ApiError, type Problem } from "@partyline/client/problem";
import { makeCall, makeGrant } from "@partyline/client/testing/records";

/** What the API answers: null for an answer that never comes. */
export function makeAnswers() {
  return {
    call: null as Call | Problem | null,
    events: [] as Awaited<ReturnType<Api["callEvents"]>>,
    transcript: [] as TranscriptLine[] | Problem | null,
    speaking: new Promise<Response>(() => undefined),
    listeners: [] as Hearing[] | Problem | null,
    analytics: null as Analytics | Problem | null,
    /** Pages by their cursor; the first has none. */
    pages: { "": { calls: [], next: null } } as Record<string, CallRecords | Problem | null>,
    stats: { total: 0, today: 0, active: 0, needs_attention: 0 } as CallStats | Problem | null,
    people: [] as User[] | Problem | null,
    invitations: [] as Invitation[] | Problem | null,
    tenant: { id: "ten_1", name: "Harbour Clinic", settings: { retention_days: 30 } } as TenantView,
    audit: { entries: [] } as AuditPage | Problem | null,
    keys: [] as ApiKey[] | Problem | null,
    numbers: [] as PhoneNumber[] | Problem | null,
    /** What becomes of a change: a problem, or nothing wrong. A promise keeps it waiting. */
    change: null as Problem | null | Promise<Problem | null>,
  };
}

export type Answers = ReturnType<typeof makeAnswers>;

/** The API that gives these answers. What it is asked to change is written down. */
export function fakeApi(done: string[], answers: Answers): Api {
  const ask = <T extends object>(answer: T | Problem | null): Promise<T> => {
    if (answer === null) return new Promise(() => undefined);
    return "kind" in answer ? Promise.reject(new ApiError(answer)) : Promise.resolve(answer);
  };
  const change = async <T>(what: string, body: unknown, result: T): Promise<T> => {
    done.push(body === undefined ? what : `${what} ${JSON.stringify(body)}`);
    const problem = await answers.change;
    if (problem !== null) throw new ApiError(problem);
    return result;
  };
  return {
    activeCalls: () => Promise.resolve([]),
    call: (id) => {
      done.push(`ask ${id}`);
      return ask(answers.call);
    },
    callEvents: () => Promise.resolve(answers.events),
    callPage: ({ limit: _limit, ...query }) => {
      done.push(`list ${JSON.stringify(query)}`);
      return ask(answers.pages[query.cursor ?? ""] ?? null);
    },
    callStats: () => ask(answers.stats),
    changeCall: (id, body) => {
      const known = answers.call !== null && "id" in answers.call ? answers.call : makeCall({ id });
      return change(`change ${id}`, body, { ...known, ...body } as Call);
    },
    deleteCall: (id) => change(`delete ${id}`, undefined, undefined),
    exportCalls: (query, format) =>
      change(`export ${format}`, query, { blob: new Blob(["id\r\n"]), isWhole: format === "csv" }),
    exportCall: (id) => change(`export ${id}`, undefined, new Blob(["%PDF"])),
    analytics: (query) => {
      done.push(`analytics ${JSON.stringify(query)}`);
      return ask(answers.analytics);
    },
    answer: (id) => change(`answer ${id}`, undefined, makeGrant({ mode: "join" })),
    changeMode: (id, session, mode) => change(`mode ${id} ${session} ${mode}`, undefined, undefined),
    takeOver: (id, why) => change(`take over ${id}`, why, makeGrant({ mode: "takeover" })),
    pauseAi: (id) => change(`pause ${id}`, undefined, undefined),
    resumeAi: (id) => change(`resume ${id}`, undefined, undefined),
    say: (id, text) => change(`say ${id}`, text, `say_${done.length}`),
    cancelSay: (id, line) => change(`cancel ${id} ${line}`, undefined, undefined),
    hold: (id, held) => change(`hold ${id}`, held, undefined),
    dtmf: (id, digits) => change(`keys ${id}`, digits, undefined),
    transfer: (id, to, kind) => change(`transfer ${id} ${to} ${kind}`, undefined, undefined),
    endCall: (id) => change(`end ${id}`, undefined, undefined),
    listeners: () => ask(answers.listeners),
    transcript: () => ask(answers.transcript),
    openTranscript: () => answers.speaking,
    openSession: () => Promise.resolve(makeGrant()),
    people: () => ask(answers.people),
    addPerson: (body) => change("add person", body, {} as User),
    changePerson: (id, body) => change(`change ${id}`, body, {} as User),
    invitations: () => ask(answers.invitations),
    invite: (body) =>
      change("invite", body, { ...body, link: "https://calls.example/invitation#inv_1" } as InvitationNew),
    revokeInvitation: (id) => change(`revoke ${id}`, undefined, undefined),
    tenant: () => Promise.resolve(answers.tenant),
    changeTenant: (body) => change("change tenant", body, answers.tenant),
    audit: (query) => {
      done.push(`audit ${JSON.stringify(query)}`);
      return ask(answers.audit);
    },
    changePassword: (old, fresh) => change("change password", [old, fresh], undefined),
    keys: () => ask(answers.keys),
    makeKey: (body) =>
      change("make key", body, { ...body, id: "plk_1", key: "plk_1_secret" } as Awaited<
        ReturnType<Api["makeKey"]>
      >),
    revokeKey: (id) => change(`revoke ${id}`, undefined, undefined),
    numbers: () => ask(answers.numbers),
    addNumber: (body) => change("add number", body, {} as PhoneNumber),
    changeNumber: (number, body) => change(`change ${number}`, body, {} as PhoneNumber),
    removeNumber: (number) => change(`remove ${number}`, undefined, undefined),
  };
}
