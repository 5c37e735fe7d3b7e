import type { ReactElement } from "react";

/** Shapes drawn on a grid of 16, as one stroke each. */
const SHAPES = {
  ear: "M5 13a2.6 2.6 0 0 0 4-2.2c0-1.7 2.6-2 2.6-5A3.8 3.8 0 0 0 4.2 5.6M6.4 6.4a1.7 1.7 0 0 1 3.2.6c0 1.2-1.6 1.4-1.6 3",
  stop: "M4.5 4.5h7v7h-7z",
  phone:
    "M3.4 2.8h2.4l1.1 2.9-1.5 1.1a7.6 7.6 0 0 0 3.8 3.8l1.1-1.5 2.9 1.1v2.4a1 1 0 0 1-1 1A9.8 9.8 0 0 1 2.4 3.8a1 1 0 0 1 1-1z",
  ringing:
    "M8 2.2a3.6 3.6 0 0 0-3.6 3.6c0 3.2-1.4 4.4-1.4 4.4h10s-1.4-1.2-1.4-4.4A3.6 3.6 0 0 0 8 2.2M6.8 12.8a1.4 1.4 0 0 0 2.4 0",
  check: "M3.2 8.4l3.1 3.1 6.5-7",
  cross: "M4 4l8 8M12 4l-8 8",
  warning: "M8 2.4l6.2 11H1.8zM8 6.4v3.2M8 11.6v.1",
  micOff:
    "M6 6V4a2 2 0 0 1 4 0v3.2M10 9.4A2 2 0 0 1 6 8.6M3.8 8a4.2 4.2 0 0 0 6.6 3.4M12.2 8a4 4 0 0 1-.3 1.5M8 12.4v1.8M2.4 2.4l11.2 11.2",
  search: "M7 2.6a4.4 4.4 0 1 0 0 8.8 4.4 4.4 0 0 0 0-8.8M10.3 10.3l3.3 3.3",
  back: "M9.6 3.4L5 8l4.6 4.6",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1.4v1.4M8 13.2v1.4M1.4 8h1.4M13.2 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1",
  moon: "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z",
  screen: "M2.4 3.2h11.2v7.6H2.4zM5.6 13.4h4.8M8 10.8v2.6",
  keyboard: "M1.8 4.2h12.4v7.6H1.8zM4.4 6.8h.1M7 6.8h.1M9.6 6.8h.1M11.6 6.8h.1M5 9.4h6",
  leave: "M9.8 3H3.4v10h6.4M6.8 8h7M11.4 5.4L14 8l-2.6 2.6",
  volume: "M2.6 6.2v3.6h2.2L8 12.4V3.6L4.8 6.2zM10.2 6a2.8 2.8 0 0 1 0 4M12 4.2a5.4 5.4 0 0 1 0 7.6",
  wave: "M2 8h1.6M5 5.2v5.6M7.4 2.8v10.4M9.8 5.8v4.4M12.2 4.4v7.2M14 8h.1",
  records: "M3 3.6h10M3 8h10M3 12.4h6",
  refresh: "M13 8a5 5 0 1 1-1.6-3.7M13 2.4v3h-3",
  settings:
    "M2.4 4.6h5.2M11 4.6h2.6M9.3 2.9a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4M2.4 11.4H5M8.4 11.4h5.2M6.7 9.7a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4",
  key: "M5.4 7.6a3 3 0 1 0 0 6 3 3 0 0 0 0-6M7.6 8.4l5.2-5.2M10.6 5.4l2 2",
  flag: "M4 14V2.6M4 3h7.6l-1.6 2.7 1.6 2.7H4",
  plus: "M8 3.2v9.6M3.2 8h9.6",
  copy: "M5.6 5.6h7.2v7.2H5.6zM10.4 5.6V3.2H3.2v7.2h2.4",
  mic: "M8 2a2 2 0 0 0-2 2v3.4a2 2 0 0 0 4 0V4a2 2 0 0 0-2-2M3.8 7.6a4.2 4.2 0 0 0 8.4 0M8 11.8v2.4",
  whisper: "M2.4 3h8v5.6H6L3.6 11V8.6H2.4zM12.4 6.2v.1M12.4 9v.1M12.4 11.8v.1",
  join: "M5.4 3.4a1.9 1.9 0 1 0 0 3.8 1.9 1.9 0 0 0 0-3.8M1.8 13a3.6 3.6 0 0 1 7.2 0M12 5.4v5M9.5 7.9h5",
  takeover: "M2.4 8h8.4M7.8 4.8L11 8l-3.2 3.2M13.6 3v10",
  onAir:
    "M8 6.6a1.4 1.4 0 1 0 0 2.8 1.4 1.4 0 0 0 0-2.8M5 5a4.2 4.2 0 0 0 0 6M11 5a4.2 4.2 0 0 1 0 6M2.8 2.8a7.4 7.4 0 0 0 0 10.4M13.2 2.8a7.4 7.4 0 0 1 0 10.4",
  bot: "M3 6h10v7H3zM8 6V3.4M6.8 2.6h2.4M6 9v.1M10 9v.1M6.4 11.2h3.2",
  keypad: "M4 3.6v.1M8 3.6v.1M12 3.6v.1M4 7.4v.1M8 7.4v.1M12 7.4v.1M4 11.2v.1M8 11.2v.1M12 11.2v.1M8 14v.1",
  transfer: "M2.6 5.6h9.2M9.2 3l2.6 2.6-2.6 2.6M13.4 10.8H4.2M6.8 8.2l-2.6 2.6 2.6 2.6",
  hangUp: "M1.6 9.6c3.6-3.8 9.2-3.8 12.8 0l-1.4 2-2.6-.9v-1.9a7.6 7.6 0 0 0-4.8 0v1.9l-2.6.9z",
  bars: "M3 13V8.6M6.4 13V4.6M9.8 13V6.8M13.2 13V2.6M1.6 13.6h12.8",
  download: "M8 2.4v7.4M4.8 6.8L8 10l3.2-3.2M2.8 13.2h10.4",
  trash: "M2.8 4.4h10.4M6.2 4.2V2.8h3.6v1.4M4.2 4.6l.6 8.6h6.4l.6-8.6M6.8 7v3.8M9.2 7v3.8",
  pause: "M5.4 3.6v8.8M10.6 3.6v8.8",
} as const;

/** The name of a shape. */
export type IconName = keyof typeof SHAPES;

/** A small drawing beside a word. The word says it all: the drawing is hidden from those who listen. */
export function Icon({ name }: { name: IconName }): ReactElement {
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}
