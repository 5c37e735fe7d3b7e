/**
 * Who is signed in, and the access token that proves it.
 *
 * The token lives in this object alone: never in storage, never in a URL. What survives a reload is the
 * refresh cookie, which the page cannot read.
 */

import { backoffMs } from "./backoff.ts";
import { Cell, type Live } from "./cell.ts";
import type { User } from "./contract.ts";
import { ApiError, type Problem, isRecord, problemOf } from "./problem.ts";

/** What is known of the person at the screen. */
export type AccountState =
  | { kind: "checking" }
  /** Nobody could be asked. Tried again by itself. */
  | { kind: "unreachable" }
  | { kind: "signed_out"; why: "new" | "expired" | "asked" }
  | { kind: "signed_in"; user: User };

/** What an account needs of its surroundings. */
export interface AccountOptions {
  /** How requests are sent. */
  readonly send: (request: Request) => Promise<Response>;
  /** Where the API is, without a trailing slash. */
  readonly baseUrl: string;
  /** Keeps two tabs from using one refresh cookie in the same moment: it may be good only once. */
  readonly locks?: Pick<LockManager, "request"> | undefined;
}

interface Grant {
  token: string;
  /** Local time in ms. */
  expiresAt: number;
}

/** A token this near its end, in ms, is renewed before it is used. */
const TOO_NEAR_MS = 10_000;
/** Renewed this long before its end, in ms, or at half its life when that is later. */
const RENEW_AHEAD_MS = 60_000;
/** Longest life believed of a token, in seconds: `setTimeout` takes no more than 24 days. */
const LONGEST_LIFE_S = 86_400;
const RETRY = { firstMs: 1000, longestMs: 15_000 };

/** The signed-in person of this page. */
export class Account {
  readonly state: Live<AccountState>;
  readonly #state = new Cell<AccountState>({ kind: "checking" });
  readonly #options: AccountOptions;
  #grant: Grant | null = null;
  #renewing: Promise<string> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  /** Counts sign-ins and sign-outs, so that the answer to an older question is not believed. */
  #epoch = 0;

  constructor(options: AccountOptions) {
    this.#options = options;
    this.state = this.#state;
  }

  /** Finds out whether the cookie of an earlier visit is still good. */
  readonly resume = async (): Promise<void> => {
    await this.#renew().catch(() => undefined);
  };

  /** Signs in. Resolves with null, or with what went wrong. */
  readonly signIn = async (email: string, password: string): Promise<Problem | null> => {
    try {
      const answer = await this.#post("/api/auth/login", { email, password });
      if (!answer.ok) return await problemOf(answer);
      this.#accept(await grantOf(answer));
      return null;
    } catch (error) {
      return error instanceof ApiError ? error.problem : { kind: "unreachable" };
    }
  };

  /** Accepts an invitation, and signs in by it. Resolves with null, or with what went wrong. */
  readonly join = async (invitation: string, name: string, password: string): Promise<Problem | null> => {
    try {
      const answer = await this.#post("/api/auth/invitation", { token: invitation, name, password });
      if (!answer.ok) return await problemOf(answer);
      this.#accept(await grantOf(answer));
      return null;
    } catch (error) {
      return error instanceof ApiError ? error.problem : { kind: "unreachable" };
    }
  };

  /** What people know the provider by that one can sign in with; null when there is none, or nobody says so. */
  readonly provider = async (): Promise<string | null> => {
    try {
      const answer = await this.#options.send(new Request(`${this.#options.baseUrl}/api/auth/methods`));
      const body: unknown = answer.ok ? await answer.json() : null;
      const oidc = isRecord(body) ? body["oidc"] : null;
      const name = isRecord(oidc) ? oidc["name"] : null;
      return typeof name === "string" ? name : null;
    } catch {
      return null;
    }
  };

  /** Forgets the token at once and the cookie as soon as the server hears of it. */
  readonly signOut = async (): Promise<Problem | null> => {
    const token = this.#grant?.token;
    this.#forget("asked");
    try {
      const answer = await this.#post("/api/auth/logout", undefined, token);
      return answer.ok || answer.status === 401 ? null : await problemOf(answer);
    } catch {
      return { kind: "unreachable" };
    }
  };

  /** Signs out on every device. Rejects with an [`ApiError`] when control did not hear of it. */
  readonly signOutEverywhere = async (): Promise<void> => {
    const request = new Request(`${this.#options.baseUrl}/api/auth/logout?everywhere=true`, {
      method: "POST",
      credentials: "same-origin",
      cache: "no-store",
    });
    await this.#succeed(this.send(request));
    this.#forget("asked");
  };

  /** A token that is good now. Rejects with an [`ApiError`] when there is none. */
  readonly token = (): Promise<string> => {
    const grant = this.#grant;
    if (grant !== null && Date.now() < grant.expiresAt - TOO_NEAR_MS) return Promise.resolve(grant.token);
    return this.#renew();
  };

  /** A token other than this one, which a server has refused. */
  readonly replace = (refused: string): Promise<string> => {
    if (this.#grant?.token === refused) this.#grant = null;
    return this.token();
  };

  /** Sends a request with the token; once more with a fresh one when the server refuses it. */
  readonly send = async (request: Request): Promise<Response> => {
    const again = request.clone();
    const token = await this.token();
    const answer = await this.#options.send(withBearer(request, token));
    if (answer.status !== 401) return answer;
    return this.#options.send(withBearer(again, await this.replace(token)));
  };

  /** All who need a fresh token in one moment wait for one request. */
  #renew(): Promise<string> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<string> {
    if (this.#state.get().kind === "signed_out") throw new ApiError({ kind: "signed_out" });
    const epoch = this.#epoch;
    let answer: Response;
    try {
      answer = await this.#alone(() => this.#post("/api/auth/refresh"));
      if (answer.ok) {
        const grant = await grantOf(answer);
        if (epoch === this.#epoch) this.#accept(grant);
        return this.#grant?.token ?? Promise.reject(new ApiError({ kind: "signed_out" }));
      }
    } catch (error) {
      if (epoch === this.#epoch) this.#retryLater();
      throw error instanceof ApiError ? error : new ApiError({ kind: "unreachable" }, { cause: error });
    }
    const problem = await problemOf(answer);
    if (epoch === this.#epoch) {
      if (problem.kind === "signed_out" || problem.kind === "forbidden") {
        this.#forget(this.#state.get().kind === "signed_in" ? "expired" : "new");
      } else {
        this.#retryLater();
      }
    }
    throw new ApiError(problem);
  }

  async #succeed(request: Promise<Response>): Promise<Response> {
    const answer = await request.catch((error: unknown) => {
      throw error instanceof ApiError ? error : new ApiError({ kind: "unreachable" }, { cause: error });
    });
    if (!answer.ok) throw new ApiError(await problemOf(answer));
    return answer;
  }

  #accept({ token, lifeSeconds, user }: FreshGrant): void {
    this.#epoch += 1;
    this.#failures = 0;
    const lifeMs = lifeSeconds * 1000;
    this.#grant = { token, expiresAt: Date.now() + lifeMs };
    this.#renewIn(Math.max(lifeMs - RENEW_AHEAD_MS, lifeMs / 2));
    const before = this.#state.get();
    // The same person keeps the same object: nothing on the page is drawn again.
    const same = before.kind === "signed_in" && JSON.stringify(before.user) === JSON.stringify(user);
    if (!same) this.#state.set({ kind: "signed_in", user });
  }

  #forget(why: "new" | "expired" | "asked"): void {
    this.#epoch += 1;
    this.#grant = null;
    clearTimeout(this.#timer);
    this.#state.set({ kind: "signed_out", why });
  }

  /** Without an answer nobody is signed out: the cookie may still be good. */
  #retryLater(): void {
    if (this.#state.get().kind === "checking") this.#state.set({ kind: "unreachable" });
    this.#renewIn(backoffMs(this.#failures, RETRY));
    this.#failures += 1;
  }

  #renewIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renew().catch(() => undefined), ms);
  }

  async #alone(work: () => Promise<Response>): Promise<Response> {
    const { locks } = this.#options;
    return locks === undefined ? work() : await locks.request("partyline-refresh", work);
  }

  #post(path: string, body?: object, token?: string): Promise<Response> {
    const headers = new Headers({ accept: "application/json" });
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    const init: RequestInit = { method: "POST", headers, credentials: "same-origin", cache: "no-store" };
    if (body !== undefined) init.body = JSON.stringify(body);
    return this.#options.send(new Request(this.#options.baseUrl + path, init));
  }
}

interface FreshGrant {
  token: string;
  lifeSeconds: number;
  user: User;
}

async function grantOf(answer: Response): Promise<FreshGrant> {
  const body: unknown = await answer.json().catch(() => null);
  const token = isRecord(body) ? body["access_token"] : undefined;
  const life = isRecord(body) ? body["expires_in"] : undefined;
  const user = isRecord(body) ? body["user"] : undefined;
  if (typeof token !== "string" || typeof life !== "number" || !(life > 0) || !isUser(user)) {
    throw new ApiError({
      kind: "refused",
      status: answer.status,
      detail: "The answer was not understood.",
    });
  }
  return { token, lifeSeconds: Math.min(life, LONGEST_LIFE_S), user };
}

function isUser(value: unknown): value is User {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    typeof value["email"] === "string" &&
    typeof value["role"] === "string" &&
    isRecord(value["tenant"]) &&
    typeof value["tenant"]["name"] === "string"
  );
}

function withBearer(request: Request, token: string): Request {
  const headers = new Headers(request.headers);
  headers.set("authorization", `Bearer ${token}`);
  return new Request(request, { headers });
}
