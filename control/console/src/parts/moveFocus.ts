/** Moves the focus along the rows of a list: from the open call's when none has it. */
export function moveFocus(step: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const focused = rows.findIndex((row) => row === document.activeElement);
  const open = rows.findIndex((row) => row.getAttribute("aria-current") === "page");
  const from = focused >= 0 ? focused : open;
  const next = rows[from < 0 ? (step > 0 ? 0 : rows.length - 1) : from + step];
  next?.focus();
  return next !== undefined;
}
