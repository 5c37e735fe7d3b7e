import type { ReactElement, ReactNode } from "react";

/** A column: what it is called, and what stands in it. */
export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ReactNode;
}

/** Rows of one kind. On a narrow screen each row becomes a card that names its parts. */
export function Table<T>(props: {
  /** What the rows are. */
  caption: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  /** What can be done with a row. */
  actions?: (row: T) => ReactNode;
}): ReactElement {
  const { caption, columns, rows, keyOf, actions } = props;
  return (
    <table className="table">
      <caption className="hidden-text">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ name }) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          {actions === undefined ? null : (
            <th scope="col">
              <span className="hidden-text">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ name, cell }) => (
              <td key={name} data-name={name}>
                {cell(row)}
              </td>
            ))}
            {actions === undefined ? null : <td className="table-actions">{actions(row)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
