import type { ReactElement, ReactNode } from "react";
import { Icon } from "./Icon.tsx";

/** One page of the settings: what it is about, and what can be added. */
export function SettingsPage(props: {
  title: string;
  about: string;
  /** What the button adds. */
  add?: { word: string; onAdd: () => void };
  children: ReactNode;
}): ReactElement {
  const { title, about, add, children } = props;
  return (
    <article className="settings-page">
      <header className="settings-head">
        <div>
          <h1>{title}</h1>
          <p className="quiet">{about}</p>
        </div>
        {add === undefined ? null : (
          <button type="button" className="button primary" onClick={add.onAdd}>
            <Icon name="plus" />
            {add.word}
          </button>
        )}
      </header>
      {children}
    </article>
  );
}
