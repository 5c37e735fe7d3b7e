import { type ReactElement, type RefObject } from "react";
import { Icon } from "./Icon.tsx";

/** Where one types what one looks for. Escape clears it. */
export function SearchBox(props: {
  input: RefObject<HTMLInputElement | null>;
  label: string;
  placeholder: string;
  value: string;
  longest: number;
  onChange: (value: string) => void;
}): ReactElement {
  const { input, label, placeholder, value, longest, onChange } = props;
  return (
    <label className="search">
      <Icon name="search" />
      <span className="hidden-text">{label}</span>
      <input
        ref={input}
        type="search"
        value={value}
        placeholder={placeholder}
        maxLength={longest}
        aria-keyshortcuts="/"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          // Here Escape clears the search; it must not stop the listening as well.
          event.stopPropagation();
          onChange("");
          event.currentTarget.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}
