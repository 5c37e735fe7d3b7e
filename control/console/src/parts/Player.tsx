import type { Call } from "@partyline/client/contract";
import { isActive } from "@partyline/client/contract";
import type { CallMonitor, MonitorState } from "@partyline/client/monitor";
import { NO_RECEPTION } from "@partyline/client/reception";
import { type ReactElement, useMemo } from "react";
import { useLive } from "../state/useLive.ts";
import { useNow } from "../state/useNow.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { useShortcuts } from "../state/useShortcuts.ts";
import { useSpeaking } from "../state/useSpeaker.ts";
import { useIsMine, useRights } from "../state/useUser.ts";
import { announceSpeaking } from "../words/speaking.ts";
import { announceMonitor, describeMonitor, isListening } from "../words/monitor.ts";
import { AgentPanel } from "./AgentPanel.tsx";
import { Audience } from "./Audience.tsx";
import { Icon } from "./Icon.tsx";
import { LevelMeters } from "./LevelMeters.tsx";
import { ListenButton } from "./ListenButton.tsx";
import { SpeakPanel } from "./SpeakPanel.tsx";
import { SoundControls } from "./SoundControls.tsx";
import { IDLE } from "../state/useMonitorOf.ts";

/** A call that is over cannot be heard, whatever was before. */
const OVER: MonitorState = { kind: "ended", callGoesOn: false };

/**
 * Listening to one call: the button, how it goes, how loud each side is.
 *
 * Its `data-` attributes are for tests and for a look into the page: state, delay in ms, packets.
 */
export function Player({ call, monitor }: { call: Call; monitor: CallMonitor | null }): ReactElement {
  const { desk, sound, feed } = usePartyline();
  const state = useLive(monitor?.state ?? IDLE);
  const soundBlocked = useLive(sound.blocked);
  const { solo } = useLive(sound.settings);
  const speaking = useSpeaking(call.id);
  const mine = useIsMine(call);
  const { speak } = useRights();
  const fresh = useLive(feed.list).feed.kind === "current";
  const over = !isActive(call.status) && !isListening(state);
  const blockedBy = reasonNotToListen(call, fresh);
  const reception = state.kind === "live" ? state.reception : NO_RECEPTION;

  const together = reception.voices === "together";

  const isOn = isListening(state);
  const shortcuts = useMemo(() => {
    const listen = () => (blockedBy === null && !isOn ? desk.listen(call.id) : false);
    return { l: listen, Enter: listen };
  }, [desk, call.id, blockedBy, isOn]);
  useShortcuts(shortcuts);

  return (
    <section
      className="player"
      aria-label="Listening"
      data-player=""
      data-call-id={call.id}
      data-state={state.kind}
      data-delay-ms={reception.delayMs ?? ""}
      data-packets-lost={reception.packetsLost}
      data-packets-received={reception.packetsReceived}
      data-voices={reception.voices}
      data-mode={speaking.state.mode}
      data-audience={speaking.state.audience}
    >
      <div className="player-head">
        {over ? null : (
          <ListenButton
            state={state}
            mine={mine}
            blockedBy={blockedBy}
            onListen={() => desk.listen(call.id)}
            onStop={desk.stop}
          />
        )}
        <div className="player-words">
          <StateWords state={over ? OVER : state} />
          {over ? null : <Audience state={speaking.state} mine={mine} />}
        </div>
      </div>
      <span className="hidden-text" role="status">
        {[announceMonitor(state), state.kind === "live" ? announceSpeaking(speaking.state, mine) : ""]
          .filter((part) => part !== "")
          .join(" ")}
      </span>
      {mine && !over ? <AgentPanel call={call} /> : null}
      {speak && !mine && isListening(state) ? <SpeakPanel call={call} /> : null}
      {soundBlocked && isListening(state) ? (
        <div className="banner">
          <Icon name="warning" />
          <span className="banner-text">The browser holds the sound back.</span>
          <button type="button" className="link-button" onClick={() => sound.resume()}>
            Let me hear it
          </button>
        </div>
      ) : null}
      {together ? (
        <div className="banner" data-phone-grade="">
          <Icon name="warning" />
          <span className="banner-text">
            Phone-grade audio: the gateway is busy. You hear both sides together; listen again later to hear
            them apart.
          </span>
        </div>
      ) : null}
      {over ? null : (
        <>
          <LevelMeters
            sound={sound}
            active={state.kind === "live"}
            together={together}
            callerHeard={solo !== "agent"}
            agentHeard={solo !== "caller"}
          />
          <SoundControls sound={sound} together={together} />
        </>
      )}
    </section>
  );
}

function StateWords({ state }: { state: MonitorState }): ReactElement {
  const now = useNow();
  return (
    <p className="player-state digits" data-kind={state.kind}>
      <span className="dot" aria-hidden="true" />
      {describeMonitor(state, now)}
    </p>
  );
}

function reasonNotToListen(call: Call, fresh: boolean): string | null {
  if (!isActive(call.status)) return "This call is over.";
  // While the list is paused its word on the audio is old: control will know.
  if (fresh && !call.media.live) return "No live audio of this call has arrived yet.";
  return null;
}
