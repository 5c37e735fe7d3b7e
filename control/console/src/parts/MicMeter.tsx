import { FLOOR_DB, Needle, levelDb } from "@partyline/client/levels";
import type { Mouth } from "@partyline/client/mouth";
import { METER_SAMPLES } from "@partyline/client/sound";
import { type ReactElement, useEffect, useRef } from "react";

/** Words and values for those who listen to the page are renewed this often, in ms. */
const WORDS_EVERY_MS = 500;
/** Draws a second at most when the person prefers little motion. */
const CALM_EVERY_MS = 250;

/** How loud one's own microphone is, whether or not anybody hears it: to be looked at before the first word. */
export function MicMeter({ mouth }: { mouth: Pick<Mouth, "samples"> }): ReactElement {
  const bar = useRef<HTMLDivElement>(null);
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const samples = new Float32Array(METER_SAMPLES);
    const needle = new Needle();
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
    let [frame, drawnAt, saidAt] = [0, -Infinity, -Infinity];
    const draw = (now: number) => {
      frame = requestAnimationFrame(draw);
      if (calm.matches && now - drawnAt < CALM_EVERY_MS) return;
      drawnAt = now;
      const db = needle.move(mouth.samples(samples) ? levelDb(samples) : FLOOR_DB, now);
      const share = Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
      if (bar.current !== null)
        bar.current.style.clipPath = `inset(0 ${((1 - share) * 100).toFixed(1)}% 0 0 round 3px)`;
      if (now - saidAt < WORDS_EVERY_MS || meter.current === null) return;
      saidAt = now;
      meter.current.setAttribute("aria-valuenow", db.toFixed(0));
      meter.current.setAttribute("aria-valuetext", needle.speaking(now) ? "you speak" : "silent");
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [mouth]);
  return (
    <div
      ref={meter}
      className="meter-track mic-meter"
      role="meter"
      aria-label="Your microphone's level"
      aria-valuemin={FLOOR_DB}
      aria-valuemax={0}
      aria-valuenow={FLOOR_DB}
      aria-valuetext="silent"
    >
      <div ref={bar} className="meter-bar" />
    </div>
  );
}
