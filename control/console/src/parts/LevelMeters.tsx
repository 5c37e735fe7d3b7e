import { FLOOR_DB, Needle, levelDb } from "@partyline/client/levels";
import { METER_SAMPLES, type Sound } from "@partyline/client/sound";
import { type ReactElement, type RefObject, useEffect, useRef, useState } from "react";

/** Words and values for those who listen to the page are renewed this often, in ms. */
const WORDS_EVERY_MS = 500;
/** Draws a second at most when the person prefers little motion. */
const CALM_EVERY_MS = 250;

interface Side {
  readonly bar: RefObject<HTMLDivElement | null>;
  readonly meter: RefObject<HTMLDivElement | null>;
}

/** How loud caller and agent are, side by side, or the call as a whole. Moves only while `active`. */
export function LevelMeters({
  sound,
  active,
  together = false,
  callerHeard,
  agentHeard,
}: {
  sound: Pick<Sound, "samples">;
  active: boolean;
  /** Both sides arrive as one. */
  together?: boolean;
  /** False while the other side is heard alone. */
  callerHeard: boolean;
  agentHeard: boolean;
}): ReactElement {
  const callerBar = useRef<HTMLDivElement>(null);
  const callerMeter = useRef<HTMLDivElement>(null);
  const agentBar = useRef<HTMLDivElement>(null);
  const agentMeter = useRef<HTMLDivElement>(null);
  const [speaking, setSpeaking] = useState({ caller: false, agent: false });

  useEffect(() => {
    if (!active) return undefined;
    const sides = {
      caller: { bar: callerBar, meter: callerMeter },
      agent: { bar: agentBar, meter: agentMeter },
    };
    const samples = { caller: new Float32Array(METER_SAMPLES), agent: new Float32Array(METER_SAMPLES) };
    const needles = { caller: new Needle(), agent: new Needle() };
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    let frame = 0;
    let drawnAt = -Infinity;
    let saidAt = -Infinity;
    const draw = (now: number) => {
      frame = requestAnimationFrame(draw);
      if (calm.matches && now - drawnAt < CALM_EVERY_MS) return;
      drawnAt = now;
      if (!sound.samples(samples.caller, samples.agent)) return;
      const say = now - saidAt >= WORDS_EVERY_MS;
      if (say) saidAt = now;
      for (const name of ["caller", "agent"] as const) {
        const db = needles[name].move(levelDb(samples[name]), now);
        show(sides[name], db, say ? needles[name].speaking(now) : null);
      }
      const next = { caller: needles.caller.speaking(now), agent: needles.agent.speaking(now) };
      setSpeaking((last) => (last.caller === next.caller && last.agent === next.agent ? last : next));
    };
    frame = requestAnimationFrame(draw);
    return () => {
      cancelAnimationFrame(frame);
      show(sides.caller, FLOOR_DB, false);
      show(sides.agent, FLOOR_DB, false);
      setSpeaking({ caller: false, agent: false });
    };
  }, [active, sound]);

  return (
    <div className="meters">
      <Meter
        bar={callerBar}
        meter={callerMeter}
        name={together ? "Both" : "Caller"}
        where={together ? "both channels" : callerHeard ? "left channel" : "muted"}
        heard={together || callerHeard}
        speaking={speaking.caller}
      />
      {together ? null : (
        <Meter
          bar={agentBar}
          meter={agentMeter}
          name="Agent"
          where={agentHeard ? "right channel" : "muted"}
          heard={agentHeard}
          speaking={speaking.agent}
        />
      )}
    </div>
  );
}

function Meter(
  props: Side & { name: string; where: string; heard: boolean; speaking: boolean },
): ReactElement {
  const { bar, meter, name, where, heard, speaking } = props;
  return (
    <div className="meter" data-side={name.toLowerCase()} data-heard={heard}>
      <div className="meter-head">
        <span className="meter-name">{name}</span>
        <span className="meter-ear">{where}</span>
        <span className="meter-words">{speaking ? "speaking" : "silent"}</span>
      </div>
      <div
        ref={meter}
        className="meter-track"
        role="meter"
        aria-label={`${name} level`}
        aria-valuemin={FLOOR_DB}
        aria-valuemax={0}
        aria-valuenow={FLOOR_DB}
        aria-valuetext="silent"
      >
        <div ref={bar} className="meter-bar" />
      </div>
    </div>
  );
}

/** Past React: sixty times a second is too often to render. */
function show({ bar, meter }: Side, db: number, speaking: boolean | null): void {
  const share = Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
  if (bar.current !== null)
    bar.current.style.clipPath = `inset(0 ${((1 - share) * 100).toFixed(1)}% 0 0 round 3px)`;
  if (speaking === null || meter.current === null) return;
  meter.current.setAttribute("aria-valuenow", db.toFixed(0));
  meter.current.setAttribute("aria-valuetext", speaking ? `speaking, ${db.toFixed(0)} dB` : "silent");
}
