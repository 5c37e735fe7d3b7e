/** What can go wrong between this page and a server, sorted by what a person can do about it. */
export type Problem =
  /** No answer: the network, or a server that is down. */
  | { kind: "unreachable" }
  /** 401: who you are is no longer known. */
  | { kind: "signed_out" }
  /** 403: known, and not allowed. */
  | { kind: "forbidden"; detail: string }
  /** 404: not there, or not yours. */
  | { kind: "not_found"; detail: string }
  /** 409: not in the state for it. `code` says which. */
  | { kind: "conflict"; code: string; detail: string }
  /** 429. */
  | { kind: "too_many"; retryAfterSeconds: number }
  /** 502, 503, 504. */
  | { kind: "unavailable"; retryAfterSeconds: number | null }
  /** Any other answer that is not a success. */
  | { kind: "refused"; status: number; detail: string };

/** A request that did not succeed. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.kind, options);
    this.name = "ApiError";
    this.problem = problem;
  }
}

/** The problem behind an error. What is not ours came from `fetch`, which throws only when nothing came back. */
export function problemIn(error: unknown): Problem {
  return error instanceof ApiError ? error.problem : { kind: "unreachable" };
}

/** Longest wait that a server's `Retry-After` can ask for, in seconds. */
const LONGEST_RETRY_AFTER_S = 3600;

/** Longest text shown from a server's answer, in UTF-16 units. */
const LONGEST_DETAIL = 300;

/** The problem that an answer without success stands for. Reads its body. */
export async function problemOf(response: Response): Promise<Problem> {
  const { code, detail } = await problemText(response);
  switch (response.status) {
    case 401:
      return { kind: "signed_out" };
    case 403:
      return { kind: "forbidden", detail };
    case 404:
      return { kind: "not_found", detail };
    case 409:
      return { kind: "conflict", code, detail };
    case 429:
      return { kind: "too_many", retryAfterSeconds: retryAfter(response) ?? 30 };
    case 502:
    case 503:
    case 504:
      return { kind: "unavailable", retryAfterSeconds: retryAfter(response) };
    default:
      return { kind: "refused", status: response.status, detail };
  }
}

/** `Retry-After` in whole seconds (RFC 9110, section 10.2.3), both forms; null when missing or nonsense. */
export function retryAfter(response: Response, now = Date.now()): number | null {
  const text = response.headers.get("retry-after")?.trim() ?? "";
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - now) / 1000);
  if (Number.isNaN(seconds)) return null;
  return Math.min(LONGEST_RETRY_AFTER_S, Math.max(0, seconds));
}

async function problemText(response: Response): Promise<{ code: string; detail: string }> {
  const body: unknown = await response.json().catch(() => null);
  const field = (name: string): string => {
    const value = isRecord(body) ? body[name] : undefined;
    return typeof value === "string" ? value.slice(0, LONGEST_DETAIL) : "";
  };
  return { code: field("code"), detail: field("detail") || field("title") };
}

/** Whether a parsed JSON value is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
