import { useQuery } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";
import {
  type FilterChanges,
  OUTCOMES,
  type Outcome,
  type RecordFilters,
  type Shown,
} from "../state/recordFilters.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { phone, statusWords } from "../words/call.ts";
import { Icon } from "./Icon.tsx";
import { Segments } from "./Segments.tsx";

const TABS: readonly { value: Shown | "all"; word: string }[] = [
  { value: "all", word: "All" },
  { value: "attention", word: "Needs attention" },
  { value: "handled", word: "Handled" },
  { value: "live", word: "Live" },
];

/** Which records are shown. */
export function RecordFilterBar(props: {
  filters: RecordFilters;
  onChange: (changes: FilterChanges) => void;
}): ReactElement {
  const { filters, onChange } = props;
  const { show, outcome, urgent, number, from, to } = filters;
  const count = [outcome, urgent, number, from, to].filter((value) => value !== undefined).length;
  const [open, setOpen] = useState(count > 0);
  return (
    <div className="filters">
      <div className="filters-top">
        <Segments
          legend="Which calls"
          name="show"
          options={TABS}
          value={show ?? "all"}
          onChange={(value) =>
            onChange({
              show: value === "all" ? undefined : value,
              // No live call has an outcome.
              ...(value === "live" ? { outcome: undefined } : {}),
            })
          }
        />
        <button
          type="button"
          className="link-button"
          aria-expanded={open}
          aria-controls="more-filters"
          onClick={() => setOpen(!open)}
        >
          <Icon name="settings" />
          Filters{count === 0 ? "" : ` (${count})`}
        </button>
      </div>
      <div id="more-filters" className="filters-more" hidden={!open}>
        <label className="field small">
          Outcome
          <select
            value={outcome ?? ""}
            disabled={show === "live"}
            onChange={({ target }) =>
              onChange({ outcome: OUTCOMES.find((word): word is Outcome => word === target.value) })
            }
          >
            <option value="">Any</option>
            {OUTCOMES.map((status) => (
              <option key={status} value={status}>
                {status === "completed" ? "Completed" : statusWords(status).word}
              </option>
            ))}
          </select>
        </label>
        <NumberFilter number={number} onChange={(value) => onChange({ number: value })} />
        <DayFilter name="From" day={from} last={to} onChange={(value) => onChange({ from: value })} />
        <DayFilter name="To" day={to} first={from} onChange={(value) => onChange({ to: value })} />
        <label className="check">
          <input
            type="checkbox"
            checked={urgent === true}
            onChange={({ target }) => onChange({ urgent: target.checked ? true : undefined })}
          />
          Urgent only
        </label>
        {count === 0 ? null : (
          <button
            type="button"
            className="link-button"
            onClick={() =>
              onChange({
                outcome: undefined,
                urgent: undefined,
                number: undefined,
                from: undefined,
                to: undefined,
              })
            }
          >
            Clear
          </button>
        )}
      </div>
    </div>
  );
}

function NumberFilter(props: {
  number: string | undefined;
  onChange: (number: string | undefined) => void;
}): ReactElement {
  const { api } = usePartyline();
  const { number, onChange } = props;
  const { data = [] } = useQuery({ queryKey: ["numbers"], queryFn: ({ signal }) => api.numbers(signal) });
  const known = number === undefined || data.some((one) => one.number === number);
  return (
    <label className="field small">
      Number
      <select value={number ?? ""} onChange={({ target }) => onChange(target.value || undefined)}>
        <option value="">Any</option>
        {known ? null : <option value={number}>{phone(number)}</option>}
        {data.map((one) => (
          <option key={one.number} value={one.number}>
            {phone(one.number)}
            {one.label === "" ? "" : ` · ${one.label}`}
          </option>
        ))}
      </select>
    </label>
  );
}

function DayFilter(props: {
  name: string;
  day: string | undefined;
  first?: string | undefined;
  last?: string | undefined;
  onChange: (day: string | undefined) => void;
}): ReactElement {
  const { name, day, first, last, onChange } = props;
  return (
    <label className="field small">
      {name}
      <input
        type="date"
        value={day ?? ""}
        min={first}
        max={last}
        onChange={({ target }) => onChange(target.value || undefined)}
      />
    </label>
  );
}
