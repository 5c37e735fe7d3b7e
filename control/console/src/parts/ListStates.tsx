import type { FeedState } from "@partyline/client/liveList";
import type { ReactElement } from "react";
import { useNow } from "../state/useNow.ts";
import { pausedBanner } from "../words/feed.ts";
import { secondsUntil } from "../words/time.ts";
import { Icon } from "./Icon.tsx";
import { Notice } from "./Notice.tsx";

/** Says that the list is no longer fresh, and how old it is. */
export function FeedBanner({
  feed,
  onRetry,
}: {
  feed: FeedState;
  onRetry: () => void;
}): ReactElement | null {
  if (feed.kind !== "paused") return null;
  return (
    <div className="banner">
      <Icon name="pause" />
      <PausedWords feed={feed} />
      <button type="button" className="link-button" onClick={onRetry}>
        Try now
      </button>
    </div>
  );
}

function PausedWords({ feed }: { feed: FeedState & { kind: "paused" } }): ReactElement {
  const now = useNow();
  return <span className="banner-text digits">{pausedBanner(feed, now)}</span>;
}

/** Nothing is known yet. */
export function LoadingList(): ReactElement {
  return (
    <div className="skeletons" role="status">
      <span className="hidden-text">Loading live calls</span>
      {[0, 1, 2, 3].map((line) => (
        <div key={line} className="skeleton" />
      ))}
    </div>
  );
}

/** No call goes on: what will appear here, and how to make it happen. */
export function EmptyList(): ReactElement {
  return (
    <Notice icon="wave" title="All quiet">
      <p>Calls to your numbers appear here the moment they ring. Nothing needs to be reloaded.</p>
      <p>To see one now, place a test call:</p>
      <code className="command">partyline call --to +15550100 --caller caller.wav --agent agent.wav</code>
    </Notice>
  );
}

/** Control cannot be reached, and nothing is known. */
export function UnreachableList({
  retryAt,
  onRetry,
}: {
  retryAt: number | null;
  onRetry: () => void;
}): ReactElement {
  return (
    <Notice icon="warning" title="Partyline cannot be reached" tone="wrong">
      <RetryWords retryAt={retryAt} />
      <button type="button" className="button" onClick={onRetry}>
        Try now
      </button>
    </Notice>
  );
}

function RetryWords({ retryAt }: { retryAt: number | null }): ReactElement {
  const now = useNow();
  const soon = retryAt === null || retryAt <= now;
  return (
    <p className="digits">{soon ? "Trying again." : `Trying again in ${secondsUntil(retryAt, now)} s.`}</p>
  );
}

/** This person may not see live calls. */
export function ForbiddenList({ detail, onRetry }: { detail: string; onRetry: () => void }): ReactElement {
  return (
    <Notice icon="cross" title="You may not see live calls" tone="wrong">
      <p>{detail === "" ? "Your role has no right to. An administrator can change that." : detail}</p>
      <button type="button" className="button" onClick={onRetry}>
        Ask again
      </button>
    </Notice>
  );
}
