import { type ReactElement, useId } from "react";

/** One bar. */
export interface Bar {
  /** Under it, and in the table. */
  readonly label: string;
  readonly value: number;
  /** Of the value, the part that is drawn in full colour; all of it unless given. */
  readonly part?: number;
}

/** Widths in the drawing's own units. */
const STEP = 10;
const GAP = 2;
const HEIGHT = 100;
/** Labels under the bars: more could not be read. */
const MOST_LABELS = 8;

/** Counts side by side: a drawing, and the same as a table for those who want the figures or do not see it. */
export function Bars(props: {
  title: string;
  bars: readonly Bar[];
  /** What the labels are, and the values; and the part, where there is one. */
  names: readonly [label: string, value: string, part?: string];
}): ReactElement {
  const { title, bars, names } = props;
  const id = useId();
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const every = Math.ceil(bars.length / MOST_LABELS);
  const [label, value, part] = names;
  const height = (count: number) => (count / most) * HEIGHT;
  return (
    <figure className="card bars" aria-labelledby={id}>
      <figcaption className="bars-head">
        <h2 id={id}>{title}</h2>
        {part === undefined ? null : (
          <span className="bars-key">
            <span className="bars-full">{part}</span>
            <span className="bars-rest">{value}</span>
          </span>
        )}
      </figcaption>
      <div className="bars-plot" aria-hidden="true">
        <span className="bars-most digits">{most.toLocaleString("en-GB")}</span>
        <svg viewBox={`0 0 ${bars.length * STEP} ${HEIGHT}`} preserveAspectRatio="none">
          {bars.map((bar, index) => {
            const [x, width] = [index * STEP + GAP / 2, STEP - GAP];
            const full = bar.part ?? bar.value;
            return (
              // Two bars may have one label: their place tells them apart.
              // oxlint-disable-next-line react/no-array-index-key
              <g key={index}>
                <title>{`${bar.label}: ${bar.value}${part === undefined ? "" : `, ${part} ${full}`}`}</title>
                <rect className="bar-area" x={index * STEP} y={0} width={STEP} height={HEIGHT} />
                <rect
                  className="bar-rest"
                  x={x}
                  y={HEIGHT - height(bar.value)}
                  width={width}
                  height={height(bar.value)}
                />
                <rect
                  className="bar-full"
                  x={x}
                  y={HEIGHT - height(full)}
                  width={width}
                  height={height(full)}
                />
              </g>
            );
          })}
        </svg>
        <div className="bars-labels">
          {bars
            .filter((_, index) => index % every === 0)
            .map((bar, index) => (
              // oxlint-disable-next-line react/no-array-index-key
              <span key={index}>{bar.label}</span>
            ))}
        </div>
      </div>
      <details>
        <summary>As a table</summary>
        <table className="bars-table digits">
          <caption className="hidden-text">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{label}</th>
              <th scope="col">{value}</th>
              {part === undefined ? null : <th scope="col">{part}</th>}
            </tr>
          </thead>
          <tbody>
            {bars.map((bar, index) => (
              // oxlint-disable-next-line react/no-array-index-key
              <tr key={index}>
                <th scope="row">{bar.label}</th>
                <td>{bar.value}</td>
                {part === undefined ? null : <td>{bar.part ?? bar.value}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

/** Shares of a whole, each as a bar with its figure: what few there are can be read at once. */
export function Shares(props: { title: string; bars: readonly Bar[] }): ReactElement {
  const { title, bars } = props;
  const id = useId();
  const total = bars.reduce((sum, { value }) => sum + value, 0);
  return (
    <section className="card shares" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <dl>
        {bars.map(({ label, value }) => (
          <div key={label} className="share">
            <dt>{label}</dt>
            <dd className="digits">
              <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
                <rect className="bar-area" width={100} height={1} />
                <rect className="bar-full" width={total === 0 ? 0 : (value / total) * 100} height={1} />
              </svg>
              <span>{value.toLocaleString("en-GB")}</span>
              <span className="quiet">{total === 0 ? "–" : `${Math.round((value / total) * 100)} %`}</span>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
