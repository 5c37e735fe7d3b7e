import type { SpeakerState } from "@partyline/client/speaker";
import type { ReactElement } from "react";
import { useLive } from "../state/useLive.ts";
import { usePartyline } from "../state/usePartyline.ts";
import { audienceWords } from "../words/speaking.ts";
import { Icon } from "./Icon.tsx";

/** Who hears this person now: always on screen, and never by colour alone. */
export function Audience(props: { state: SpeakerState | null; mine?: boolean }): ReactElement {
  const { state, mine = false } = props;
  const { mouth } = usePartyline();
  const { text, detail, icon } = audienceWords(state, useLive(mouth.state), mine);
  return (
    <p className="audience" data-audience={state?.audience ?? "nobody"}>
      <Icon name={icon} />
      {detail === "" ? text : `${text} — ${detail}`}
    </p>
  );
}
