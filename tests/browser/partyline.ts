import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";

import { test as base } from "@playwright/test";

const BINARY = resolve(process.env.PARTYLINE ?? join(import.meta.dirname, "../../target/debug/partyline"));
const VOICES = resolve(import.meta.dirname, "../../loadtest/voices");

/** Whom the tests sign in as, and the Twilio account whose calls they place. */
export const TENANT = {
  email: "ada@acme.example",
  password: "correct horse battery",
  accountSid: `AC${"1".repeat(32)}`,
  authToken: "0123456789abcdef0123456789abcdef",
  number: "+15550100100",
};

/** One call to place: two voices, each a file of mu-law or WAV, or `tone:<hertz>`. */
export interface CallOptions {
  caller: string;
  agent: string;
  seconds?: number;
  from?: string;
  more?: string[];
}

/** What the tests read of a call's record. */
export interface CallRecord {
  status: string;
  customer_number: string;
  answered_at: string;
  ended_at: string;
  duration_seconds: number;
}

let api: Promise<string> | undefined;

/** Where Twilio's REST API is for these tests. It knows of no call, as Twilio does not know of a simulated one. */
function twilioApi(): Promise<string> {
  api ??= new Promise((resolve) => {
    const server = createServer((_, response) => {
      response.writeHead(404, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ code: 20404, message: "The requested resource was not found", status: 404 }));
    });
    server.listen(0, "127.0.0.1", () => {
      server.unref();
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });
  return api;
}

/** An address of this machine that nobody has just now. */
export function freeAddress(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(`127.0.0.1:${port}`));
    });
  });
}

/** A running installation of the test's own: fresh database, free ports. */
export class Partyline {
  private constructor(
    private child: ChildProcess,
    readonly dataDir: string,
    readonly console: string,
    readonly metricsUrl: string,
    private readonly calls: ChildProcess[] = [],
  ) {}

  /** `more` are further settings, by the names of their variables. */
  static async start(dataDir = newFolder(), more: Record<string, string> = {}): Promise<Partyline> {
    const any = "127.0.0.1:0";
    const child = spawn(BINARY, ["up"], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        PATH: process.env.PATH,
        PARTYLINE_LOG: process.env.PARTYLINE_LOG ?? "warn",
        PARTYLINE_HTTP_ADDR: any,
        PARTYLINE_GATEWAY_HTTP_ADDR: any,
        PARTYLINE_GATEWAY_UDP_ADDR: any,
        PARTYLINE_ADMIN_ADDR: any,
        PARTYLINE_DATA_DIR: dataDir,
        PARTYLINE_BOOTSTRAP_TENANT: "Acme",
        PARTYLINE_BOOTSTRAP_EMAIL: TENANT.email,
        PARTYLINE_BOOTSTRAP_PASSWORD: TENANT.password,
        PARTYLINE_BOOTSTRAP_TWILIO_ACCOUNT_SID: TENANT.accountSid,
        PARTYLINE_BOOTSTRAP_TWILIO_AUTH_TOKEN: TENANT.authToken,
        PARTYLINE_BOOTSTRAP_TWILIO_NUMBER: TENANT.number,
        PARTYLINE_BOOTSTRAP_TWILIO_DIAL: "+15550100200",
        PARTYLINE_TWILIO_API_URL: await twilioApi(),
        ...more,
      },
    });
    const found = new Map<string, string>();
    for await (const line of createInterface({ input: child.stdout! })) {
      const match = /^\s*(Console|Metrics)\s+(\S+)$/.exec(line);
      if (match) found.set(match[1]!, match[2]!);
      if (found.size === 2) break;
    }
    const [console, metrics] = [found.get("Console"), found.get("Metrics")];
    if (!console || !metrics) throw new Error(`${BINARY} up ended without saying where it is`);
    return new Partyline(child, dataDir, console, metrics);
  }

  /** Places a call through the real path: signed webhook, TwiML, signed WebSocket. */
  call({ caller, agent, seconds = 60, from = "+15550199001", more = [] }: CallOptions): ChildProcess {
    const { accountSid, authToken, number } = TENANT;
    const voices = ["--caller", voice(caller), "--agent", voice(agent), "--seconds", String(seconds)];
    const account = ["--account-sid", accountSid, "--auth-token", authToken, "--number", number];
    const call = spawn(BINARY, ["call", "--quiet", "--to", this.console, "--from", from, ...account, ...voices, ...more], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.calls.push(call);
    return call;
  }

  /** What a program shows to the API: the admin's token. */
  async token(): Promise<string> {
    const { email, password } = TENANT;
    const headers = { "Content-Type": "application/json" };
    const login = await fetch(`${this.console}/api/auth/login`, { method: "POST", headers, body: JSON.stringify({ email, password }) });
    return ((await login.json()) as { access_token: string }).access_token;
  }

  /** All calls as the API has them, newest first. */
  async records(): Promise<CallRecord[]> {
    const answer = await fetch(`${this.console}/api/calls`, { headers: { Authorization: `Bearer ${await this.token()}` } });
    return ((await answer.json()) as { calls: CallRecord[] }).calls;
  }

  /** The value of one series of `/metrics`, name and labels as printed. */
  async metric(series: string): Promise<number> {
    const text = await (await fetch(this.metricsUrl)).text();
    const line = text.split("\n").find((line) => line.startsWith(`${series} `));
    if (line === undefined) throw new Error(`no series ${series}`);
    return Number(line.slice(series.length));
  }

  /** Ends without a word, as a power cut would; the data stays. */
  async kill(): Promise<void> {
    await ended(this.child, "SIGKILL");
  }

  async stop(): Promise<void> {
    await Promise.all(this.calls.map((call) => ended(call, "SIGTERM")));
    await ended(this.child, "SIGTERM");
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "partyline-"));
}

function voice(name: string): string {
  return name.startsWith("tone:") ? name : join(VOICES, name);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((done) => child.once("exit", done));
  child.kill(signal);
  await exit;
}

/** A test with an installation of its own. */
export const test = base.extend<{ partyline: Partyline }>({
  partyline: async ({}, use) => {
    const partyline = await Partyline.start();
    await use(partyline);
    await partyline.stop();
  },
});

export { expect } from "@playwright/test";
