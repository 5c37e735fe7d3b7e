/** The few changes to SDP that the browser does not make by itself. */

/** The session description with `stereo=1` in the format of each Opus payload type. */
export function withStereo(sdp: string): string {
  // Without it Chromium decodes to one channel and mixes caller and agent (RFC 7587, section 6.1).
  const opus = new Set<string>();
  for (const [, payloadType] of sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2\r?$/gim)) {
    if (payloadType !== undefined) opus.add(payloadType);
  }
  const done = new Set<string>();
  const munged = sdp.replace(
    /^a=fmtp:(\d+) ([^\r\n]*)/gm,
    (whole: string, payloadType: string, format: string) => {
      if (!opus.has(payloadType)) return whole;
      done.add(payloadType);
      const others = format
        .split(";")
        .filter((part) => part.trim() !== "" && !/^\s*stereo\s*=/i.test(part));
      return `a=fmtp:${payloadType} ${[...others, "stereo=1"].join(";")}`;
    },
  );
  // An Opus without a format line gets one behind its map.
  return munged.replace(
    /^a=rtpmap:(\d+) opus\/48000\/2(\r?\n|$)/gim,
    (whole: string, payloadType: string, end: string) =>
      done.has(payloadType)
        ? whole
        : `a=rtpmap:${payloadType} opus/48000/2${end || "\r\n"}a=fmtp:${payloadType} stereo=1${end}`,
  );
}

/** Whether an answer is to be heard as the telephone has it: G.711, both voices in one. */
export function isPhoneGrade(answer: string): boolean {
  return /^a=rtpmap:\d+ PCMU\/8000(\/1)?\r?$/im.test(answer);
}

/** The body of an ICE restart (RFC 8840): the credentials of an offer, and the section they belong to. */
export function restartFragment(offer: string): string | null {
  const ufrag = line(offer, "a=ice-ufrag:");
  const pwd = line(offer, "a=ice-pwd:");
  const media = line(offer, "m=");
  const mid = line(offer, "a=mid:");
  if (ufrag === null || pwd === null || media === null || mid === null) return null;
  const candidates = lines(offer, "a=candidate:");
  return [ufrag, pwd, media, mid, ...candidates, ""].join("\r\n");
}

/** An answer with the server's new credentials and candidates in place of the old; null if it has none. */
export function restartedAnswer(answer: string, fragment: string): string | null {
  const ufrag = line(fragment, "a=ice-ufrag:");
  const pwd = line(fragment, "a=ice-pwd:");
  if (ufrag === null || pwd === null) return null;
  const candidates = lines(fragment, "a=candidate:");
  let placed = false;
  const kept: string[] = [];
  for (const text of answer.split(/\r?\n/)) {
    if (text === "") continue;
    if (text.startsWith("a=ice-ufrag:")) kept.push(ufrag);
    else if (text.startsWith("a=ice-pwd:")) kept.push(pwd);
    else if (!text.startsWith("a=candidate:")) kept.push(text);
    else if (candidates.length === 0) kept.push(text);
    else if (!placed) {
      kept.push(...candidates);
      placed = true;
    }
  }
  return [...kept, ""].join("\r\n");
}

function line(sdp: string, start: string): string | null {
  return lines(sdp, start)[0] ?? null;
}

function lines(sdp: string, start: string): string[] {
  return sdp.split(/\r?\n/).filter((text) => text.startsWith(start));
}
