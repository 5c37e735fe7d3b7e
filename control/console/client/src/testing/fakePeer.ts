/** A peer connection whose network is the test. */

export const OFFER = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0",
  "a=ice-ufrag:cafe",
  "a=ice-pwd:clientpassword0123456789",
  "a=mid:0",
  "a=recvonly",
  "a=rtpmap:111 opus/48000/2",
  "a=rtcp-fb:111 transport-cc",
  "a=fmtp:111 minptime=10;useinbandfec=1",
  "a=rtpmap:63 red/48000/2",
  "a=fmtp:63 111/111",
  "a=rtpmap:0 PCMU/8000",
  "",
].join("\r\n");

export const ANSWER = [
  "v=0",
  "s=-",
  "a=ice-lite",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=ice-ufrag:serv",
  "a=ice-pwd:serverpassword0123456789",
  "a=candidate:1 1 udp 2130706431 192.0.2.1 8082 typ host",
  "a=end-of-candidates",
  "a=mid:0",
  "a=sendonly",
  "",
].join("\r\n");

export class FakePeer extends EventTarget {
  connectionState: RTCPeerConnectionState = "new";
  readonly locals: string[] = [];
  readonly remotes: string[] = [];
  readonly receiver = { track: {}, jitterBufferTarget: null as number | null };
  /** What was put to the microphone's place, in order. */
  readonly sent: (MediaStreamTrack | null)[] = [];
  readonly sender = {
    replaceTrack: (track: MediaStreamTrack | null) => {
      this.sent.push(track);
      return Promise.resolve();
    },
  };
  directions: (string | undefined)[] = [];
  stats: Record<string, unknown>[] = [];
  refuseAnswer = false;

  /** As the code under test sees it. */
  asPeer(): RTCPeerConnection {
    return this as unknown as RTCPeerConnection;
  }

  addTransceiver(_kind: string, init: RTCRtpTransceiverInit): Pick<FakePeer, "receiver" | "sender"> {
    this.directions.push(init.direction);
    return { receiver: this.receiver, sender: this.sender };
  }

  createOffer(options?: RTCOfferOptions): Promise<RTCSessionDescriptionInit> {
    const sdp = options?.iceRestart === true ? OFFER.replace("cafe", "beef") : OFFER;
    return Promise.resolve({ type: "offer", sdp });
  }

  setLocalDescription({ sdp }: RTCSessionDescriptionInit): Promise<void> {
    this.locals.push(sdp ?? "");
    return Promise.resolve();
  }

  setRemoteDescription({ sdp }: RTCSessionDescriptionInit): Promise<void> {
    if (this.refuseAnswer) return Promise.reject(new Error("does not fit"));
    this.remotes.push(sdp ?? "");
    return Promise.resolve();
  }

  getStats(): Promise<RTCStatsReport> {
    return Promise.resolve(this.stats as unknown as RTCStatsReport);
  }

  close(): void {
    this.connectionState = "closed";
  }

  turn(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.dispatchEvent(new Event("connectionstatechange"));
  }
}
