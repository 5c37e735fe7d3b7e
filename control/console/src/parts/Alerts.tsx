import type { Call } from "@partyline/client/contract";
import { Link } from "@tanstack/react-router";
import { type ReactElement, useEffect, useState } from "react";
import { paths } from "../paths.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useRights } from "../state/useUser.ts";
import { callerOf } from "../words/call.ts";
import { alertWords } from "../words/event.ts";
import { timeOfDay } from "../words/time.ts";
import { Icon } from "./Icon.tsx";

/** Something that needs a person now. */
interface Alert {
  readonly callId: string;
  readonly text: string;
  readonly who: string;
  readonly at: string;
}

/** Most alerts shown at once: of one call only the newest. */
const MOST_SHOWN = 3;

/** What needs a person now, over every page; until it is dismissed, or its call is over. */
export function Alerts(): ReactElement | null {
  const { feed } = usePartyline();
  const { speak } = useRights();
  const [alerts, setAlerts] = useState<readonly Alert[]>([]);
  useEffect(
    () =>
      feed.watch(({ type, callId, call, data }) => {
        if (type === "call.ended") setAlerts((shown) => shown.filter((one) => one.callId !== callId));
        if (type !== "alert.raised") return;
        const alert = {
          callId,
          text: alertWords(data, call?.bot ?? null),
          who: nameOf(call),
          at: timeOfDay(new Date().toISOString()),
        };
        setAlerts((shown) => [alert, ...shown.filter((one) => one.callId !== callId)].slice(0, MOST_SHOWN));
      }),
    [feed],
  );
  if (!speak || alerts.length === 0) return null;
  return (
    <div className="alerts" role="alert">
      {alerts.map(({ callId, text, who, at }) => (
        <p key={callId} className="alert">
          <Icon name="warning" />
          <span className="alert-text">
            <time className="digits">{at}</time> {text}{" "}
            <Link to={paths.call} params={{ callId }}>
              {who}
            </Link>
          </span>
          <button
            type="button"
            className="link-button"
            onClick={() => setAlerts((shown) => shown.filter((one) => one.callId !== callId))}
          >
            Dismiss
          </button>
        </p>
      ))}
    </div>
  );
}

function nameOf(call: Call | null): string {
  return call === null ? "Open the call" : callerOf(call);
}
