import { type Call, type TranscriptLine, isActive } from "@partyline/client/contract";
import { type ReactElement, useLayoutEffect, useRef, useState } from "react";
import { useLiveTranscript, usePastTranscript } from "../state/useTranscript.ts";
import { describeProblem } from "../words/problem.ts";
import { moment, timeOfDay } from "../words/time.ts";
import { Icon } from "./Icon.tsx";
import { Loaded } from "./Loaded.tsx";

/** A line that is less sure than this is marked. */
const UNSURE = 0.6;
/** This near to the end, in pixels, new lines are followed. */
const AT_END_PX = 40;

/** What was said in a call; nothing when nothing was written down. */
export function Transcript({ call }: { call: Call }): ReactElement | null {
  return isActive(call.status) ? <Speaking callId={call.id} /> : <Said call={call} />;
}

function Speaking({ callId }: { callId: string }): ReactElement | null {
  const { kind, lines, problem } = useLiveTranscript(callId);
  if (lines.length === 0 && kind !== "problem") return null;
  return (
    <section className="card transcript" aria-labelledby="transcript-title">
      <h3 id="transcript-title">Transcript</h3>
      {kind === "paused" ? (
        <div className="banner" role="status">
          <Icon name="pause" />
          <span className="banner-text">Transcript paused, reconnecting</span>
        </div>
      ) : null}
      {problem !== null && kind === "problem" ? <p>{describeProblem(problem)}</p> : null}
      <Lines lines={lines} follow />
    </section>
  );
}

function Said({ call }: { call: Call }): ReactElement | null {
  const view = usePastTranscript(call);
  if (view.kind === "loading" || (view.kind === "known" && view.data.length === 0)) return null;
  return (
    <section className="card transcript" aria-labelledby="transcript-title">
      <h3 id="transcript-title">Transcript</h3>
      <Loaded view={view} what="the transcript">
        {(lines) => <Lines lines={lines} follow={false} />}
      </Loaded>
    </section>
  );
}

/** The lines. New ones are followed while the last one is in sight. */
function Lines({ lines, follow }: { lines: readonly TranscriptLine[]; follow: boolean }): ReactElement {
  const list = useRef<HTMLOListElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const toEnd = () => list.current?.scrollTo({ top: list.current.scrollHeight });
  useLayoutEffect(() => {
    if (follow && atEnd) list.current?.scrollTo({ top: list.current.scrollHeight });
  });
  return (
    <>
      {/* Read aloud on demand only: who hears the call would hear two voices at once. */}
      <ol
        ref={list}
        className="lines"
        role="log"
        aria-live="off"
        // Who uses keys scrolls it, too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        aria-labelledby="transcript-title"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < AT_END_PX)
        }
      >
        {lines.map((line) => (
          <Line key={line.id} line={line} />
        ))}
      </ol>
      {follow && !atEnd ? (
        <button type="button" className="button lines-end" onClick={toEnd}>
          Newest lines
        </button>
      ) : null}
    </>
  );
}

function Line({ line }: { line: TranscriptLine }): ReactElement {
  const { speaker, text, at, name, confidence, is_final: isFinal, language } = line;
  const unsure = typeof confidence === "number" && confidence < UNSURE;
  return (
    <li className="line" data-speaker={speaker} data-final={isFinal}>
      <p className="line-head">
        <strong>{name ?? (speaker === "agent" ? "Agent" : "Caller")}</strong>{" "}
        <time className="digits" dateTime={at} title={moment(at)}>
          {timeOfDay(at)}
        </time>
      </p>
      <p
        className="line-text"
        lang={language ?? undefined}
        data-unsure={unsure}
        title={unsure ? "Not sure that this was said" : undefined}
      >
        {text}
      </p>
    </li>
  );
}
