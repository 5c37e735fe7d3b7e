// The part of the stand-in that is about speaking: sessions with modes, the microphone's gate, lines, the AI.

const HEARD_BY = {
  listen: [],
  whisper: ["agents"],
  join: ["caller", "agents"],
  takeover: ["caller", "agents"],
};
/** The gateway shuts the gate when it has heard nothing for so many ms. */
const ALIVE_MS = 1000;

/** One session, as the gateway has it: what it may do, and whether its microphone is open. */
export class Gate {
  mode = "listen";
  #talking = false;
  #held = false;
  #told = "";
  #socket = null;
  #timer;

  /** Serves the newest control connection. */
  serve(socket) {
    this.#socket?.terminate();
    this.#socket = socket;
    this.#told = "";
    this.#tell();
    socket.on("message", (text) => this.#talk(JSON.parse(String(text)).talk));
    socket.on("close", () => {
      if (this.#socket === socket) this.#talk(false);
    });
  }

  /** Who is on hold hears nobody. */
  hold(held) {
    this.#held = held;
    this.#tell();
  }

  change(mode) {
    this.mode = mode;
    this.#tell();
  }

  #talk(talking) {
    clearTimeout(this.#timer);
    this.#talking = talking;
    if (talking) this.#timer = setTimeout(() => this.#talk(false), ALIVE_MS);
    this.#tell();
  }

  #tell() {
    const talking = this.#talking && this.mode !== "listen";
    const ears = (HEARD_BY[this.mode] ?? []).filter((ear) => !this.#held || ear !== "caller");
    const text = JSON.stringify({ mode: this.mode, talking, heard_by: talking ? ears : [] });
    // While somebody talks it is said again, here with each word of theirs.
    if ((text === this.#told && !talking) || this.#socket === null) return;
    this.#told = text;
    this.#socket.send(text);
  }
}

/** Answers what control would; false for what is none of its business. */
export function handleSpeaking({ mock, method, id, part, rest, body, json, session }) {
  const call = mock.calls.get(id);
  switch (`${method} ${part}`) {
    case "POST sessions":
      mock.gate.mode = body.mode;
      if (body.mode === "join") mock.change(id, { rings: false, answered_by: mock.user() }, "call.updated");
      json(201, session(body.mode));
      return true;
    case "PATCH sessions":
      mock.gate.change(body.mode);
      mock.tell(call, "session.changed", { user: mock.user(), mode: body.mode });
      json(200, { mode: body.mode });
      return true;
    case "POST takeover":
      mock.gate.change("takeover");
      mock.change(id, { bot: "paused" }, "call.updated", { user: mock.user() });
      json(201, session("takeover"));
      return true;
    case "POST pause-ai":
    case "DELETE pause-ai":
      mock.change(id, { bot: method === "POST" ? "paused" : "active" });
      json(204, null);
      return true;
    case "POST say": {
      mock.said += 1;
      json(202, { id: `say_${mock.said}` });
      return true;
    }
    case "DELETE say":
      mock.tell(call, "message.sent", { say: rest, end: "interrupted" });
      json(204, null);
      return true;
    case "POST hold":
      mock.change(id, { held: body.held });
      mock.gate.hold(body.held);
      json(204, null);
      return true;
    case "POST dtmf":
    case "POST transfer":
      json(204, null);
      return true;
    case "POST end":
      mock.change(id, { status: "completed", ended_at: new Date().toISOString() }, "call.ended");
      json(204, null);
      return true;
    default:
      return false;
  }
}

/** Figures of a busy month. */
export function makeAnalytics(bucket) {
  const step = bucket === "hour" ? 3_600_000 : 86_400_000;
  const count = bucket === "hour" ? 24 : 30;
  const series = Array.from({ length: count }, (_, index) => {
    const calls = Math.round(40 + 30 * Math.sin(index / 2.1) + (index % 7 > 4 ? -25 : 12));
    return {
      at: new Date(Date.now() - (count - index) * step).toISOString(),
      ...makeFigures(Math.max(0, calls)),
    };
  });
  const total = series.reduce((sum, { calls }) => sum + calls, 0);
  return {
    from: series[0].at,
    to: new Date().toISOString(),
    bucket,
    totals: makeFigures(total),
    series,
    hours_of_day: Array.from({ length: 24 }, (_, hour) =>
      hour < 7 || hour > 20 ? 2 : 30 + ((hour * 37) % 45),
    ),
  };
}

function makeFigures(calls) {
  const answered = Math.round(calls * 0.82);
  return {
    calls,
    answered,
    handled: Math.round(calls * 0.7),
    needs_attention: Math.round(calls * 0.05),
    talk_seconds: answered * 204,
    average_duration_seconds: 204.4,
    by_status: {
      completed: answered,
      no_answer: Math.round(calls * 0.11),
      busy: Math.round(calls * 0.04),
      failed: calls - answered - Math.round(calls * 0.11) - Math.round(calls * 0.04),
    },
    durations: {
      under_30_seconds: Math.round(answered * 0.2),
      under_2_minutes: Math.round(answered * 0.34),
      under_5_minutes: Math.round(answered * 0.3),
      under_15_minutes: Math.round(answered * 0.12),
      longer: Math.round(answered * 0.04),
    },
  };
}
