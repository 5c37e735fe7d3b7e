// @vitest-environment node
import { expect, test } from "vitest";
import { isPhoneGrade, restartFragment, restartedAnswer, withStereo } from "./sdp.ts";
import { ANSWER, OFFER } from "./testing/fakePeer.ts";

test("stereo is asked for in the format of opus, and of nothing else", () => {
  const sdp = withStereo(OFFER);
  expect(sdp).toContain("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n");
  expect(sdp).toContain("a=fmtp:63 111/111\r\n");
  expect(sdp.length).toBe(OFFER.length + ";stereo=1".length);
});

test("asking twice is asking once, and a refusal is overruled", () => {
  expect(withStereo(withStereo(OFFER))).toBe(withStereo(OFFER));
  const mono = OFFER.replace("useinbandfec=1", "stereo=0");
  expect(withStereo(mono)).toContain("a=fmtp:111 minptime=10;stereo=1\r\n");
});

test("an opus without a format line gets one", () => {
  const bare = OFFER.replace("a=fmtp:111 minptime=10;useinbandfec=1\r\n", "");
  expect(withStereo(bare)).toContain("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 stereo=1\r\n");
});

test("sprop-stereo is not taken for stereo", () => {
  const sdp = OFFER.replace("useinbandfec=1", "sprop-stereo=1");
  expect(withStereo(sdp)).toContain("a=fmtp:111 minptime=10;sprop-stereo=1;stereo=1\r\n");
});

test("an answer with mu-law is phone-grade, and an offer of much is not an answer", () => {
  expect(isPhoneGrade(ANSWER)).toBe(false);
  const phone = ANSWER.replace("SAVPF 111", "SAVPF 0").replace(
    "a=mid:0",
    "a=mid:0\r\na=rtpmap:0 PCMU/8000",
  );
  expect(isPhoneGrade(phone)).toBe(true);
});

test("a restart names credentials and section, in lines that end in CRLF", () => {
  expect(restartFragment(OFFER)).toBe(
    "a=ice-ufrag:cafe\r\na=ice-pwd:clientpassword0123456789\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 0\r\na=mid:0\r\n",
  );
  expect(restartFragment("v=0\r\n")).toBeNull();
});

test("the restarted answer differs in credentials and candidates alone", () => {
  const fragment =
    "a=ice-ufrag:new1\r\na=ice-pwd:newpassword\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
    "a=candidate:2 1 udp 2130706431 192.0.2.9 8082 typ host\r\na=end-of-candidates\r\n";
  const wanted = ANSWER.replace("a=ice-ufrag:serv", "a=ice-ufrag:new1")
    .replace("a=ice-pwd:serverpassword0123456789", "a=ice-pwd:newpassword")
    .replace("a=candidate:1 1 udp 2130706431 192.0.2.1", "a=candidate:2 1 udp 2130706431 192.0.2.9");
  expect(restartedAnswer(ANSWER, fragment)).toBe(wanted);
  expect(restartedAnswer(ANSWER, "a=mid:0\r\n")).toBeNull();
});
