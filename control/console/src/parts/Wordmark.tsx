import type { ReactElement } from "react";

/** The name and its sign: a line with somebody on it, and ears on both sides. */
export function Wordmark(): ReactElement {
  return (
    <span className="wordmark">
      <svg className="wordmark-sign" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <path d="M2.5 16H9M23 16h6.5" />
        <path d="M8.4 8.2a10.8 10.8 0 0 1 15.2 0M8.4 23.8a10.8 10.8 0 0 0 15.2 0" />
        <circle cx="16" cy="16" r="4.4" />
      </svg>
      Partyline
    </span>
  );
}
