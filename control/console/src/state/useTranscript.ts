import { type Call, type TranscriptLine, isActive } from "@partyline/client/contract";
import { TranscriptReader, type TranscriptState } from "@partyline/client/transcript";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useLive } from "./useLive.ts";
import { usePartyline } from "./usePartyline.ts";
import { type View, viewOf } from "./view.ts";

/** What was said in a call that is over. */
export function usePastTranscript(call: Call): View<readonly TranscriptLine[]> {
  const { api } = usePartyline();
  const query = useQuery({
    queryKey: ["call", call.id, "transcript"],
    queryFn: ({ signal }) => api.transcript(call.id, signal),
    enabled: !isActive(call.status),
  });
  return viewOf(query);
}

/** What is said in a call that goes on, as it is said. */
export function useLiveTranscript(callId: string): TranscriptState {
  const { api } = usePartyline();
  const reader = useMemo(
    () => new TranscriptReader((lastEventId, signal) => api.openTranscript(callId, lastEventId, signal)),
    [api, callId],
  );
  useEffect(() => {
    reader.start();
    return () => reader.stop();
  }, [reader]);
  return useLive(reader.state);
}
