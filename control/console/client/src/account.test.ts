// @vitest-environment node
import { beforeEach, expect, test, vi } from "vitest";
import { Account } from "./account.ts";
import { ApiError } from "./problem.ts";
import { makeUser } from "./testing/records.ts";

/** Control's side: what each path answers, in order; the last answer stays. */
class Control {
  readonly asked: string[] = [];
  readonly answers = new Map<string, (() => Response)[]>();

  will(path: string, ...answers: (() => Response)[]): void {
    this.answers.set(path, answers);
  }

  count(path: string): number {
    return this.asked.filter((asked) => asked.startsWith(path)).length;
  }

  readonly send = (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    this.asked.push(`${pathname} ${request.headers.get("authorization") ?? "-"}`);
    const answers = this.answers.get(pathname) ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer === undefined
      ? Promise.reject(new TypeError("Failed to fetch"))
      : Promise.resolve(answer());
  };
}

const grant =
  (token: string, seconds = 600) =>
  () =>
    Response.json({ access_token: token, token_type: "Bearer", expires_in: seconds, user: makeUser() });
const refused =
  (status: number, headers: Record<string, string> = {}) =>
  () =>
    new Response(JSON.stringify({ status, code: "x", detail: "no" }), { status, headers });

let control: Control;
let account: Account;

beforeEach(() => {
  vi.useFakeTimers();
  control = new Control();
  account = new Account({ send: control.send, baseUrl: "http://control" });
});

test("a good cookie signs in without a password", async () => {
  control.will("/api/auth/refresh", grant("one"));
  await account.resume();
  expect(account.state.get()).toEqual({ kind: "signed_in", user: makeUser() });
  await expect(account.token()).resolves.toBe("one");
});

test("no cookie means signed out, and control is not asked again", async () => {
  control.will("/api/auth/refresh", refused(401));
  await account.resume();
  expect(account.state.get()).toEqual({ kind: "signed_out", why: "new" });
  await expect(account.token()).rejects.toBeInstanceOf(ApiError);
  expect(control.count("/api/auth/refresh")).toBe(1);
});

test("when control cannot be reached nobody is signed out, and it is tried again", async () => {
  await account.resume();
  expect(account.state.get()).toEqual({ kind: "unreachable" });
  control.will("/api/auth/refresh", grant("one"));
  await vi.advanceTimersByTimeAsync(2000);
  expect(account.state.get().kind).toBe("signed_in");
});

test("many who need a token in one moment cause one refresh", async () => {
  control.will("/api/auth/refresh", grant("one", 20), grant("two"));
  await account.resume();
  vi.setSystemTime(Date.now() + 15_000);
  const tokens = await Promise.all([account.token(), account.token(), account.token()]);
  expect(tokens).toEqual(["two", "two", "two"]);
  expect(control.count("/api/auth/refresh")).toBe(2);
});

test("a token is renewed a minute before its end, by itself", async () => {
  control.will("/api/auth/refresh", grant("one"), grant("two"));
  await account.resume();
  await vi.advanceTimersByTimeAsync(539_000);
  await expect(account.token()).resolves.toBe("one");
  await vi.advanceTimersByTimeAsync(2000);
  await expect(account.token()).resolves.toBe("two");
  expect(control.count("/api/auth/refresh")).toBe(2);
});

test("a renewal that fails keeps the person signed in, and a refused one does not", async () => {
  control.will("/api/auth/refresh", grant("one"), refused(503), refused(401));
  await account.resume();
  await vi.advanceTimersByTimeAsync(540_000);
  expect(account.state.get().kind).toBe("signed_in");
  await vi.advanceTimersByTimeAsync(2000);
  expect(account.state.get()).toEqual({ kind: "signed_out", why: "expired" });
});

test("a request whose token is refused is sent once more with a fresh one", async () => {
  control.will("/api/auth/refresh", grant("one"), grant("two"));
  control.will("/api/calls", refused(401), () => Response.json({ calls: [] }));
  await account.resume();
  const answer = await account.send(
    new Request("http://control/api/calls", { method: "POST", body: "{}" }),
  );
  expect(answer.status).toBe(200);
  expect(control.asked.slice(1)).toEqual([
    "/api/calls Bearer one",
    "/api/auth/refresh -",
    "/api/calls Bearer two",
  ]);
});

test("several requests refused in one moment cause one refresh", async () => {
  control.will("/api/auth/refresh", grant("one"), grant("two"));
  control.will("/api/calls", refused(401), refused(401), () => Response.json({}));
  await account.resume();
  const request = () => account.send(new Request("http://control/api/calls"));
  const answers = await Promise.all([request(), request()]);
  expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
  expect(control.count("/api/auth/refresh")).toBe(2);
});

test("signing in says what is wrong", async () => {
  control.will("/api/auth/login", refused(401), refused(429, { "retry-after": "42" }), grant("one"));
  await expect(account.signIn("a@b", "x")).resolves.toEqual({ kind: "signed_out" });
  await expect(account.signIn("a@b", "x")).resolves.toEqual({ kind: "too_many", retryAfterSeconds: 42 });
  await expect(account.signIn("a@b", "x")).resolves.toBeNull();
  expect(account.state.get().kind).toBe("signed_in");
  control.answers.clear();
  await expect(account.signIn("a@b", "x")).resolves.toEqual({ kind: "unreachable" });
});

test("an answer without a token signs nobody in", async () => {
  control.will("/api/auth/login", () => Response.json({ access_token: 7 }));
  await expect(account.signIn("a@b", "x")).resolves.toMatchObject({ kind: "refused" });
  expect(account.state.get().kind).toBe("checking");
});

test("a refresh that answers after the sign-out signs nobody in", async () => {
  control.will("/api/auth/refresh", grant("one"), grant("two"));
  control.will("/api/auth/logout", () => new Response(null, { status: 204 }));
  await account.resume();
  vi.setSystemTime(Date.now() + 595_000);
  const late = account.token();
  const out = account.signOut();
  await expect(late).rejects.toBeInstanceOf(ApiError);
  await out;
  expect(account.state.get()).toEqual({ kind: "signed_out", why: "asked" });
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(control.count("/api/auth/refresh")).toBe(2);
});
