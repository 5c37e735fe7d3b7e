/** How a number's calls are answered: what its form holds, what control is told of it, and what it said was wrong. */

import type { BotSettings, NumberSettings } from "@partyline/client/contract";
import type { Problem } from "@partyline/client/problem";

/** Who answers, in words. */
export const ANSWERERS = {
  person: "A person in this console",
  stream: "A bot of your own, by Twilio's Media Streams protocol",
  open_ai: "A bot of OpenAI's Realtime API",
} as const;

/** What callers hear who wait, in words. */
export const WAITING = {
  standard: "“Please wait. Somebody will be with you soon.”",
  own: "Words of your own",
  nothing: "Nothing",
} as const;

/** Most parameters of a bot: control takes no more. */
export const MOST_PARAMETERS = 20;

/** One parameter of a bot. The id is for the form alone. */
export interface Parameter {
  readonly id: number;
  readonly name: string;
  readonly value: string;
}

/** What stands in the form. What one choice hides keeps its text until it is saved. */
export interface Answering {
  readonly who: keyof typeof ANSWERERS;
  readonly url: string;
  readonly parameters: readonly Parameter[];
  readonly stallSeconds: string;
  readonly model: string;
  readonly instructions: string;
  readonly botVoice: string;
  readonly greeting: string;
  readonly fallback: string;
  readonly told: string;
  readonly toldLanguage: string;
  readonly toldVoice: string;
  readonly waiting: keyof typeof WAITING;
  readonly text: string;
  readonly language: string;
  readonly voice: string;
  readonly everySeconds: string;
  readonly giveUpSeconds: string;
}

/** What is wrong, by the names that control has for the fields. */
export type Wrong = Readonly<Partial<Record<FieldName, string>>>;

/** A field as control names it. */
export type FieldName =
  | `bot.${"url" | "parameters" | "stall_seconds" | "model" | "instructions" | "voice" | "greeting" | "fallback"}`
  | `waiting.${"text" | "language" | "voice" | "every_seconds" | "give_up_seconds"}`
  | `disclosure.${"text" | "language" | "voice"}`;

/** The form of these settings. */
export function answeringOf({ bot, waiting, disclosure }: NumberSettings): Answering {
  const stream = bot?.kind === "stream" ? bot : null;
  const openAi = bot?.kind === "open_ai" ? bot : null;
  const text = waiting?.text ?? null;
  return {
    who: bot?.kind ?? "person",
    url: stream?.url ?? "",
    parameters: Object.entries(stream?.parameters ?? {}).map(([name, value], id) => ({ id, name, value })),
    stallSeconds: stream?.stall_seconds?.toString() ?? "",
    model: openAi?.model ?? "gpt-realtime",
    instructions: openAi?.instructions ?? "",
    botVoice: openAi?.voice ?? "",
    greeting: openAi?.greeting ?? "",
    fallback: bot?.fallback ?? "",
    told: disclosure?.text ?? "",
    toldLanguage: disclosure?.language ?? "",
    toldVoice: disclosure?.voice ?? "",
    waiting: text === null ? "standard" : text.trim() === "" ? "nothing" : "own",
    text: text ?? "",
    language: waiting?.language ?? "",
    voice: waiting?.voice ?? "",
    everySeconds: waiting?.every_seconds?.toString() ?? "",
    giveUpSeconds: waiting?.give_up_seconds?.toString() ?? "",
  };
}

/** What control is told of this form. What it does not ask for stays as it is. */
export function settingsOf(form: Answering, before: NumberSettings): NumberSettings {
  const told = form.told.trim();
  const disclosure =
    told === "" ? null : { text: told, language: orNull(form.toldLanguage), voice: orNull(form.toldVoice) };
  return { ...before, bot: botOf(form), waiting: waitingOf(form), disclosure };
}

function botOf(form: Answering): BotSettings | null {
  const fallback = orNull(form.fallback);
  switch (form.who) {
    case "person":
      return null;
    case "stream": {
      const named = form.parameters.filter(({ name, value }) => name.trim() !== "" || value !== "");
      const parameters = Object.fromEntries(named.map(({ name, value }) => [name.trim(), value]));
      const stall_seconds = numberOf(form.stallSeconds);
      return { kind: "stream", url: form.url.trim(), parameters, stall_seconds, fallback };
    }
    case "open_ai":
      return {
        kind: "open_ai",
        model: form.model.trim(),
        instructions: form.instructions,
        voice: orNull(form.botVoice),
        greeting: orNull(form.greeting),
        fallback,
      };
  }
}

function waitingOf(form: Answering): NonNullable<NumberSettings["waiting"]> | null {
  const text = { standard: null, own: form.text.trim(), nothing: "" }[form.waiting];
  const isOwn = form.waiting === "own";
  const every_seconds = numberOf(form.everySeconds);
  const give_up_seconds = numberOf(form.giveUpSeconds);
  const waiting = {
    text,
    language: isOwn ? orNull(form.language) : null,
    voice: isOwn ? orNull(form.voice) : null,
    ...(every_seconds === null ? {} : { every_seconds }),
    ...(give_up_seconds === null ? {} : { give_up_seconds }),
  };
  // As control has it where nobody decided anything.
  const isUsual = text === null && every_seconds === null && give_up_seconds === null;
  return isUsual ? null : waiting;
}

/** What cannot even be sent. All else control checks, and says. */
export function wrongWith(form: Answering): Wrong {
  const wrong: Partial<Record<FieldName, string>> = {};
  if (form.who === "stream") {
    const names = form.parameters
      .filter(({ name, value }) => name.trim() !== "" || value !== "")
      .map(({ name }) => name.trim());
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (names.includes("")) wrong["bot.parameters"] = "Each parameter needs a name.";
    else if (twice !== undefined) wrong["bot.parameters"] = `“${twice}” is there twice.`;
    if (!isWhole(form.stallSeconds)) wrong["bot.stall_seconds"] = "Must be a whole number, or empty.";
  }
  if (form.waiting === "own" && form.text.trim() === "") wrong["waiting.text"] = "Say what callers hear.";
  if (!isWhole(form.everySeconds)) wrong["waiting.every_seconds"] = "Must be a whole number, or empty.";
  if (!isWhole(form.giveUpSeconds)) wrong["waiting.give_up_seconds"] = "Must be a whole number, or empty.";
  return wrong;
}

/** What control said of one field; null when it is of none. */
export function wrongIn(problem: Problem | null): Wrong | null {
  if (problem === null || problem.kind !== "refused") return null;
  const [, field, words] =
    /^settings\.((?:bot|waiting|disclosure)\.[a-z_]+) (.+)$/s.exec(problem.detail) ?? [];
  if (field === undefined || words === undefined) return null;
  const sentence = words.charAt(0).toUpperCase() + words.slice(1);
  return { [field]: /[.!?]$/.test(sentence) ? sentence : `${sentence}.` };
}

function isWhole(text: string): boolean {
  return /^\s*\d{0,6}\s*$/.test(text);
}

function numberOf(text: string): number | null {
  return text.trim() === "" ? null : Number(text);
}

function orNull(text: string): string | null {
  return text.trim() === "" ? null : text.trim();
}
