// A stand-in for control, to look at the console without one: `npm run build && npm run mock`.
// It keeps everything in memory and knows no security: never serve it to anybody.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";
import { WebSocketServer } from "ws";
import { Gate, handleSpeaking, makeAnalytics } from "./mockSpeaking.mjs";

const DIST = new URL("../dist/", import.meta.url).pathname;
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
  "connect-src 'self' ws://127.0.0.1:* http://127.0.0.1:* http://localhost:* ws://localhost:*; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
export const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, content-type, if-match",
  "access-control-allow-methods": "POST, PATCH, DELETE",
  "access-control-expose-headers": "location, etag, retry-after",
};
const USER = {
  id: "usr_1",
  email: "mara@example.com",
  name: "Mara Lindqvist",
  role: "supervisor",
  tenant: { id: "ten_1", name: "Harbour Clinic" },
};
const PASSWORD = "correct horse";

/** A stand-in with methods to make things happen. */
export async function startMock({ port = 0, accessSeconds = 600 } = {}) {
  const mock = {
    calls: new Map(),
    events: new Map(),
    seq: 0,
    signedIn: false,
    attempts: 0,
    activeStatus: 200,
    refuseSockets: false,
    sessionProblem: null,
    whep: null,
    role: USER.role,
    said: 0,
    numbers: [],
    gate: new Gate(),
    user: () => ({ id: USER.id, name: USER.name }),
    place,
    change,
    tell,
    dropSockets,
  };
  const sockets = new Set();
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  const live = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] });
  const mics = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    if (request.url.endsWith("/mic")) {
      mics.handleUpgrade(request, socket, head, (ws) => mock.gate.serve(ws));
      return;
    }
    if (mock.refuseSockets) {
      socket.end("HTTP/1.1 503 Service Unavailable\r\n\r\n");
      return;
    }
    live.handleUpgrade(request, socket, head, (ws) => {
      sockets.add(ws);
      ws.on("close", () => sockets.delete(ws));
      // The console says nothing but `ping`.
      ws.on("message", () => ws.send('{"type":"pong"}'));
      const calls = [...mock.calls.values()].filter(isActive);
      ws.send(JSON.stringify({ type: "snapshot", seq: mock.seq, at: now(), resumed: false, calls }));
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  mock.url = `http://127.0.0.1:${server.address().port}`;
  mock.close = () => {
    dropSockets();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return mock;

  function place(call) {
    mock.calls.set(call.id, call);
    mock.events.set(call.id, []);
    tell(call, call.status === "incoming" ? "call.incoming" : "call.answered");
  }

  function change(id, changes, type = "call.updated", data = {}) {
    const call = { ...mock.calls.get(id), ...changes };
    mock.calls.set(id, call);
    tell(call, type, data);
  }

  function tell(call, type, data = {}) {
    mock.seq += 1;
    const events = mock.events.get(call.id);
    events.push({ seq: events.length + 1, type, at: now(), data });
    const text = JSON.stringify({ type, call_id: call.id, at: now(), seq: mock.seq, call, data });
    for (const ws of sockets) ws.send(text);
  }

  function dropSockets() {
    for (const ws of sockets) ws.terminate();
  }

  async function handle(request, response) {
    const { pathname, searchParams } = new URL(request.url, "http://mock");
    const json = (status, value, headers = {}) => {
      const type = status >= 400 ? "application/problem+json" : "application/json";
      response.writeHead(status, { "content-type": type, "cache-control": "no-store", ...headers });
      response.end(value === null ? undefined : JSON.stringify(value));
    };
    const problem = (status, code, detail, headers) =>
      json(status, { status, code, title: code, detail }, headers);
    const grant = () => {
      mock.signedIn = true;
      json(200, {
        access_token: `token-${Date.now()}`,
        token_type: "Bearer",
        expires_in: accessSeconds,
        user: { ...USER, role: mock.role },
      });
    };
    if (pathname === "/api/auth/login") {
      const { password } = JSON.parse(await textOf(request));
      mock.attempts += 1;
      if (mock.attempts > 3) return problem(429, "too_many", "Too many attempts.", { "retry-after": "42" });
      return password === PASSWORD
        ? grant()
        : problem(401, "bad_credentials", "E-mail or password is wrong.");
    }
    if (pathname === "/api/auth/refresh") {
      return mock.signedIn ? grant() : problem(401, "unauthorized", "Sign in first.");
    }
    if (pathname === "/api/auth/logout") {
      mock.signedIn = false;
      return json(204, null);
    }
    if (pathname === "/api/calls/active") {
      if (mock.activeStatus !== 200) return problem(mock.activeStatus, "forbidden", "");
      return json(200, { calls: [...mock.calls.values()].filter(isActive) });
    }
    const records = [...mock.calls.values()].toSorted((a, b) => (a.started_at < b.started_at ? 1 : -1));
    if (pathname === "/api/calls") return json(200, { calls: records, next_cursor: null });
    if (pathname === "/api/calls/stats") {
      const active = records.filter(isActive).length;
      return json(200, {
        total: records.length,
        today: records.length,
        active,
        needs_attention: 2,
        average_duration_seconds: 204,
      });
    }
    if (pathname === "/api/calls/analytics")
      return json(200, makeAnalytics(searchParams.get("bucket") ?? "day"));
    if (pathname === "/api/numbers") return json(200, { numbers: mock.numbers });
    const [, id, part, rest] = /^\/api\/calls\/([^/]+)(?:\/([\w-]+))?(?:\/(\w+))?$/.exec(pathname) ?? [];
    if (id !== undefined) {
      const call = mock.calls.get(id);
      if (call === undefined) return problem(404, "not_found", "No such call.");
      if (part === undefined) return json(200, call);
      if (part === "events") return json(200, { events: mock.events.get(id) });
      if (part === "listeners") return json(200, { listeners: [] });
      if (part === "transcript") return json(204, null);
      if (part === "sessions" && request.method === "POST" && mock.sessionProblem !== null)
        return problem(...mock.sessionProblem);
      // Another name for the same place: to the browser, as in life, the gateway is another origin.
      const whepUrl = `${mock.url.replace("127.0.0.1", "localhost")}/whep/${id}`;
      const session = (mode) => ({
        id: "ses_1",
        mode,
        token: "grant",
        ice_servers: [],
        expires_at: now(),
        whep_url: whepUrl,
      });
      const text = await textOf(request);
      const body = text === "" ? {} : JSON.parse(text);
      if (handleSpeaking({ mock, method: request.method, id, part, rest, body, json, session }))
        return undefined;
    }
    if (pathname.startsWith("/whep/")) {
      if (request.method === "OPTIONS") return response.writeHead(200, CORS).end();
      if (mock.whep === null)
        return problem(503, "busy", "No gateway here.", { ...CORS, "retry-after": "3" });
      return mock.whep(request, response, await textOf(request));
    }
    if (pathname.startsWith("/api/")) return problem(404, "not_found", "No such route.");
    return file(pathname, response);
  }
}

/** A call's record, with what is given in place of the usual. */
export function makeCall(number, changes = {}) {
  const id = `call_019a9d5b7c3e7d4a8f21d0c95e7b${String(number).padStart(4, "0")}`;
  const since = new Date(Date.now() - number * 47_000).toISOString();
  return {
    id,
    call_sid: `CA${String(number).padStart(32, "0")}`,
    direction: "inbound",
    status: "in_progress",
    caller_name: null,
    customer_number: `+1415555${String(100 + number).padStart(4, "0")}`,
    organization_number: "+12065550100",
    phone_number: "+12065550100",
    started_at: since,
    answered_at: since,
    ended_at: null,
    duration_seconds: null,
    is_handled: false,
    is_urgent: false,
    intent: null,
    summary: null,
    tags: [],
    notes: null,
    route: "agent",
    answered_by: null,
    rings: false,
    bot: null,
    held: false,
    listeners: 0,
    media: { live: true, tracks: ["inbound", "outbound"], gateway: "node_1" },
    ...changes,
  };
}

const now = () => new Date().toISOString();
const isActive = (call) => call.status === "incoming" || call.status === "in_progress";

async function textOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

async function file(pathname, response) {
  const path = join(DIST, normalize(pathname));
  const known = path.startsWith(DIST) && extname(path) !== "";
  const bytes = await readFile(known ? path : join(DIST, "index.html")).catch(() => null);
  if (bytes === null) return response.writeHead(404).end();
  const type = TYPES[extname(known ? path : ".html")] ?? (known ? "application/octet-stream" : "text/html");
  response.writeHead(200, { "content-type": type, "content-security-policy": CSP });
  return response.end(bytes);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const mock = await startMock({ port: 8080 });
  let number = 0;
  setInterval(() => {
    number += 1;
    const call = makeCall(number, { started_at: now(), answered_at: null, status: "incoming" });
    mock.place(call);
    setTimeout(
      () => mock.change(call.id, { status: "in_progress", answered_at: now() }, "call.answered"),
      4000,
    );
    setTimeout(() => mock.change(call.id, { status: "completed", ended_at: now() }, "call.ended"), 45_000);
  }, 8000);
  console.log(`${mock.url}\nsign in with ${USER.email} and the password "${PASSWORD}"`);
}
