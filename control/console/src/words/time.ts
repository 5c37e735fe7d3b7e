/** Durations and moments, as a person reads them. */

/** `0:07`, `12:05`, `1:02:03`: digits that tick without moving. */
export function clock(ms: number): string {
  const { hours, minutes, seconds } = parts(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** `7 s`, `12 min 5 s`, `1 h 2 min`: for sentences and for those who listen to the page. */
export function span(ms: number): string {
  const { hours, minutes, seconds } = parts(ms);
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds} s` : `${seconds} s`;
}

/** The form of a duration that machines read: `PT62S`. */
export function isoDuration(ms: number): string {
  return `PT${Math.floor(atLeastNought(ms) / 1000)}S`;
}

/** The time of day in the person's own zone. */
export function timeOfDay(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "–" : timeFormat.format(date);
}

/** `Today 15:45`, `Yesterday 09:10`, `Tue 3 Nov 09:10`, `3 Nov 2025 09:10`, in the person's own zone. */
export function dayAndTime(iso: string, now: number): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "–";
  const time = minuteFormat.format(date);
  const day = (back: number) => {
    const at = new Date(now);
    return new Date(at.getFullYear(), at.getMonth(), at.getDate() - back).getTime();
  };
  const since = date.getTime();
  if (since >= day(0) && since < day(-1)) return `Today ${time}`;
  if (since >= day(1) && since < day(0)) return `Yesterday ${time}`;
  const near = Math.abs(now - since) < 300 * 86_400_000;
  return `${(near ? dayFormat : yearFormat).format(date).replace(",", "")} ${time}`;
}

/** Day and time in full, for a closer look. */
export function moment(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "unknown" : momentFormat.format(date);
}

/** Whole seconds until `at`, never below one: "in 0 s" is no promise. */
export function secondsUntil(at: number, now: number): number {
  return Math.max(1, Math.ceil((at - now) / 1000));
}

const timeFormat = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const minuteFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const momentFormat = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });

function parts(ms: number): { hours: number; minutes: number; seconds: number } {
  const whole = Math.floor(atLeastNought(ms) / 1000);
  return { hours: Math.floor(whole / 3600), minutes: Math.floor(whole / 60) % 60, seconds: whole % 60 };
}

/** The clocks of server and browser never agree wholly: a call does not begin in the future. */
function atLeastNought(ms: number): number {
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
