import type { CallStatus } from "@partyline/client/contract";
import type { ReactElement } from "react";
import { type StatusWords, statusWords } from "../words/call.ts";
import { Icon, type IconName } from "./Icon.tsx";

const ICONS: Record<StatusWords["tone"], IconName> = {
  ringing: "ringing",
  live: "phone",
  over: "check",
  failed: "cross",
};

/** A call's status as shape, word and colour. */
export function StatusPill({ status }: { status: CallStatus }): ReactElement {
  const { word, tone } = statusWords(status);
  return (
    <span className="pill" data-tone={tone}>
      <Icon name={ICONS[tone]} />
      {word}
    </span>
  );
}
