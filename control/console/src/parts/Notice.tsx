import type { ReactElement, ReactNode } from "react";
import { Icon, type IconName } from "./Icon.tsx";

/** What stands where content would be: nothing there yet, something wrong, nothing allowed. */
export function Notice({
  icon,
  title,
  tone = "calm",
  children,
}: {
  icon: IconName;
  title: string;
  tone?: "calm" | "wrong";
  children?: ReactNode;
}): ReactElement {
  return (
    <div className="notice" data-tone={tone} role={tone === "wrong" ? "alert" : undefined}>
      <span className="notice-icon">
        <Icon name={icon} />
      </span>
      <p className="notice-title">{title}</p>
      {children}
    </div>
  );
}
