import type { ReactElement } from "react";
import { Notice } from "../parts/Notice.tsx";

/** A fault of this page's own code. Says so, instead of an empty screen. */
export default function BrokenPage({ error }: { error: unknown }): ReactElement {
  return (
    <Notice icon="warning" title="This page broke" tone="wrong">
      <p>The fault is ours. What it said: {String(error).slice(0, 200)}</p>
      <button type="button" className="button" onClick={() => location.reload()}>
        Load the page again
      </button>
    </Notice>
  );
}
