import { expect, test } from "vitest";
import { changeFilters, isFiltered, queryOf, readFilters } from "./recordFilters.ts";

test("an address is read as filters, and what is no filter is left out", () => {
  const search = {
    show: "attention",
    outcome: "busy",
    urgent: true,
    q: 4155550101,
    number: "+12065550100",
    from: "2026-11-01",
    to: "2026-11-20",
    other: "x",
  };
  const { other: _other, ...known } = search;
  expect(readFilters(search)).toEqual({ ...known, q: "4155550101" });
  const nonsense = { show: "all", outcome: "live", urgent: "yes", q: "", from: "2026-02-31", to: "today" };
  expect(readFilters(nonsense)).toEqual({});
});

test("a number without its plus, as some programs write addresses, is still a number", () => {
  expect(readFilters({ number: 12065550100 })).toEqual({ number: "+12065550100" });
});

test("a filter is set, and taken away by undefined", () => {
  const filters = changeFilters({ q: "ada" }, { urgent: true, q: undefined });
  expect(filters).toEqual({ urgent: true });
  expect(isFiltered(filters)).toBe(true);
  expect(isFiltered(changeFilters(filters, { urgent: undefined }))).toBe(false);
});

test("tabs ask for what their words say", () => {
  const over = "completed,no_answer,busy,failed,canceled";
  expect(queryOf({})).toEqual({});
  expect(queryOf({ show: "attention" })).toEqual({ status: over, handled: false });
  expect(queryOf({ show: "attention", outcome: "busy" })).toEqual({ status: "busy", handled: false });
  expect(queryOf({ show: "handled" })).toEqual({ handled: true });
  // A live call has no outcome, whatever the address says.
  expect(queryOf({ show: "live", outcome: "busy" })).toEqual({ status: "incoming,in_progress" });
});

test("days are asked for from midnight to midnight of this zone, the last one with all its hours", () => {
  const { from = "", to = "" } = queryOf({ from: "2026-11-01", to: "2026-11-01" });
  expect(new Date(from)).toEqual(new Date(2026, 10, 1));
  expect(new Date(to)).toEqual(new Date(2026, 10, 2));
  expect(queryOf({ to: "2026-12-31" }).to).toBe(new Date(2027, 0, 1).toISOString());
});
