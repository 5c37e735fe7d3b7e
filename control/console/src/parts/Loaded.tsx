import type { ReactElement, ReactNode } from "react";
import type { View } from "../state/view.ts";
import { describeProblem } from "../words/problem.ts";
import { Icon } from "./Icon.tsx";
import { Notice } from "./Notice.tsx";

/** What was asked for, once it is there; until then, that it is on its way; else, what is wrong. */
export function Loaded<T>(props: {
  view: View<T>;
  /** What it is, as in "Loading the people". */
  what: string;
  /** A line among others, or what a page is there for. */
  size?: "line" | "page";
  children: (data: T) => ReactNode;
}): ReactElement {
  const { view, what, size = "line", children } = props;
  switch (view.kind) {
    case "loading":
      if (size === "line") return <p className="quiet">Loading…</p>;
      return (
        <div className="skeletons" role="status">
          <span className="hidden-text">Loading {what}</span>
          {[0, 1, 2, 3].map((line) => (
            <div key={line} className="skeleton" />
          ))}
        </div>
      );
    case "problem":
      if (size === "line") {
        return (
          <p>
            {describeProblem(view.problem)}{" "}
            <button type="button" className="link-button" onClick={view.retry}>
              Try again
            </button>
          </p>
        );
      }
      return (
        <Notice icon="warning" tone="wrong" title={`Cannot show ${what}`}>
          <p>{describeProblem(view.problem)}</p>
          <button type="button" className="button" onClick={view.retry}>
            Try again
          </button>
        </Notice>
      );
    case "known":
      return (
        <>
          {view.stale === null ? null : (
            <div className="banner" role="status">
              <Icon name="pause" />
              <span className="banner-text">Not up to date. {describeProblem(view.stale)}</span>
              <button type="button" className="link-button" onClick={view.retry}>
                Try again
              </button>
            </div>
          )}
          {children(view.data)}
        </>
      );
  }
}
