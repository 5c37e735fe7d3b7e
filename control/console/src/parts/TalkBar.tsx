import type { CallSpeaker, SpeakerState } from "@partyline/client/speaker";
import { type PointerEvent, type ReactElement, useEffect, useRef } from "react";
import { useHoldToTalk } from "../state/useSpeaker.ts";
import { Icon } from "./Icon.tsx";

/** The second act of speaking: hold, or keep open; and mute. */
export function TalkBar(props: { speaker: CallSpeaker; state: SpeakerState }): ReactElement {
  const { speaker, state } = props;
  const { armed, talk, muted, wanted } = state;
  const canTalk = armed && wanted === null;
  useHoldToTalk(speaker, canTalk);
  const button = useRef<HTMLButtonElement>(null);
  const byPointer = useRef(false);
  useEffect(() => {
    // Who has just chosen a mode goes on with the second act. Where the focus stays on another button of the player,
    // the space bar would press that; who is busy elsewhere on the page keeps it.
    const { activeElement } = document;
    const isHere = activeElement === document.body || (activeElement?.closest(".player") ?? null) !== null;
    if (canTalk && isHere) button.current?.focus();
  }, [canTalk]);
  const onDown = (event: PointerEvent<HTMLButtonElement>) => {
    if (event.button !== 0) return;
    byPointer.current = true;
    // The pointer may leave the button while it is held.
    event.currentTarget.setPointerCapture(event.pointerId);
    speaker.hold(true);
  };
  const onUp = () => speaker.hold(false);
  return (
    <div className="talk">
      <button
        ref={button}
        type="button"
        className="talk-button"
        data-talk=""
        data-on={talk !== "off" && !muted}
        aria-pressed={talk !== "off"}
        aria-disabled={!canTalk}
        aria-keyshortcuts="Space"
        onPointerDown={onDown}
        onPointerUp={onUp}
        onPointerCancel={onUp}
        onLostPointerCapture={onUp}
        onClick={() => {
          // A screen reader clicks without holding: for it the button keeps the microphone open, or shuts it.
          if (!byPointer.current) speaker.keepOpen(talk === "off");
          byPointer.current = false;
        }}
      >
        <Icon name={muted ? "micOff" : "mic"} />
        {talk === "open" ? "Microphone open" : "Hold to speak"}
        <kbd aria-hidden="true">Space</kbd>
      </button>
      <button
        type="button"
        className="button"
        aria-pressed={talk === "open"}
        aria-disabled={!canTalk}
        aria-keyshortcuts="O"
        onClick={() => speaker.keepOpen(talk !== "open")}
      >
        {talk === "open" ? "Shut it" : "Keep open"}
        <kbd aria-hidden="true">O</kbd>
      </button>
      <button
        type="button"
        className="button"
        aria-pressed={muted}
        aria-keyshortcuts="M"
        onClick={() => speaker.mute(!muted)}
      >
        <Icon name="micOff" />
        {muted ? "Muted" : "Mute"}
        <kbd aria-hidden="true">M</kbd>
      </button>
    </div>
  );
}
