import { type ReactElement, useState } from "react";
import { Field } from "./Field.tsx";
import { Icon } from "./Icon.tsx";

/** Most tags of a call, and the longest: control takes no more. */
const MOST_TAGS = 20;
const LONGEST_TAG = 50;

/** Words that people put on a call: typed, and taken by Enter or a comma. */
export function TagsField(props: {
  tags: readonly string[];
  onChange: (tags: string[]) => void;
}): ReactElement {
  const { tags, onChange } = props;
  const [typed, setTyped] = useState("");
  const full = tags.length >= MOST_TAGS;
  const take = () => {
    const tag = typed.trim();
    setTyped("");
    if (tag !== "" && !tags.includes(tag) && !full) onChange([...tags, tag]);
  };
  return (
    <Field label="Tags" hint={full ? `${MOST_TAGS} tags are as many as a call can have.` : undefined}>
      {(ties) => (
        <div className="tags-input">
          {tags.map((tag) => (
            <span key={tag} className="tag">
              {tag}
              <button
                type="button"
                aria-label={`Take ${tag} away`}
                onClick={() => onChange(tags.filter((other) => other !== tag))}
              >
                <Icon name="cross" />
              </button>
            </span>
          ))}
          <input
            {...ties}
            value={typed}
            disabled={full}
            maxLength={LONGEST_TAG}
            placeholder={tags.length === 0 ? "refund, callback" : ""}
            onChange={({ target }) => setTyped(target.value)}
            onBlur={take}
            onKeyDown={(event) => {
              if (event.key === "Backspace" && typed === "" && tags.length > 0) onChange(tags.slice(0, -1));
              const ends = event.key === "," || event.key === "Enter";
              if (!ends || event.ctrlKey || event.metaKey) return;
              // Enter in an empty field sends the form.
              if (event.key === "Enter" && typed.trim() === "") return;
              event.preventDefault();
              take();
            }}
          />
        </div>
      )}
    </Field>
  );
}
