/** One WHEP session: a peer connection, and the HTTP requests that make and end it. */

import { ApiError, problemOf } from "./problem.ts";
import type { Voices } from "./reception.ts";
import { isPhoneGrade, restartFragment, restartedAnswer, withStereo } from "./sdp.ts";
import { withDeadline } from "./wait.ts";

/** Where to listen, and the leave to do so. */
export interface WhepTarget {
  readonly url: string;
  readonly token: string;
  readonly iceServers: RTCIceServer[];
  /** Whether a microphone may be put to it later: the offer has room for one, and sends nothing until then. */
  readonly maySpeak: boolean;
}

/** What a session needs of its surroundings. */
export interface WhepOptions {
  readonly createPeer: (configuration: RTCConfiguration) => RTCPeerConnection;
  readonly send: (url: string, init: RequestInit) => Promise<Response>;
}

/** A request has this long, in ms. */
const ANSWER_WITHIN_MS = 8000;
/** Longest answer that is read, in UTF-16 units. An audio answer has about 1 kB. */
const LONGEST_ANSWER = 65_536;
/**
 * The least the browser may hold back, in ms: one packet. It adds by itself what the network's jitter
 * asks for; its own start value is higher than a quiet network needs.
 */
const JITTER_BUFFER_MS = 20;

/** An open session. */
export class WhepSession {
  readonly peer: RTCPeerConnection;
  /** What arrives: one track; of `voices` that are apart, the caller left and the agent right. */
  readonly stream: MediaStream;
  readonly voices: Voices;
  /** Where a microphone is put to; it sends nothing before. */
  readonly sender: RTCRtpSender;
  readonly #options: WhepOptions;
  readonly #target: WhepTarget;
  readonly #url: string;
  #answer: string;
  #closed = false;

  private constructor(options: WhepOptions, target: WhepTarget, opened: Opened) {
    this.#options = options;
    this.#target = target;
    this.peer = opened.peer;
    this.stream = opened.stream;
    this.sender = opened.sender;
    this.#url = opened.url;
    this.#answer = opened.answer;
    this.voices = isPhoneGrade(opened.answer) ? "together" : "apart";
  }

  /** Makes the offer, posts it at once, takes the answer. Media may flow when `peer` is connected. */
  static async open(options: WhepOptions, target: WhepTarget, signal: AbortSignal): Promise<WhepSession> {
    const peer = options.createPeer({
      iceServers: target.iceServers,
      bundlePolicy: "max-bundle",
      rtcpMuxPolicy: "require",
    });
    try {
      const session = await WhepSession.#negotiate(options, target, peer);
      if (signal.aborted) {
        // The request was let through to its end, because only its answer says what to delete.
        session.close();
        throw new DOMException("called off", "AbortError");
      }
      return session;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  static async #negotiate(
    options: WhepOptions,
    target: WhepTarget,
    peer: RTCPeerConnection,
  ): Promise<WhepSession> {
    const direction = target.maySpeak ? "sendrecv" : "recvonly";
    const { receiver, sender } = peer.addTransceiver("audio", { direction });
    // Not in every browser yet; where it is missing the default serves.
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = JITTER_BUFFER_MS;
    const stream = new MediaStream([receiver.track]);
    const sdp = withStereo((await peer.createOffer()).sdp ?? "");
    await peer.setLocalDescription({ type: "offer", sdp });
    // No wait for candidates: the gateway is ICE-lite and learns where we are from our first check.
    const created = await withDeadline(ANSWER_WITHIN_MS, null, (signal) =>
      post(options, target, sdp, signal),
    );
    const session = new WhepSession(options, target, { peer, stream, sender, ...created });
    try {
      await peer.setRemoteDescription({ type: "answer", sdp: created.answer });
    } catch (error) {
      session.close();
      throw unusable(error instanceof Error ? error.message : "The gateway's answer does not fit.");
    }
    return session;
  }

  /** Where the gate before its microphone is held open. */
  get gateUrl(): string {
    return `${this.#url.replace(/^http/, "ws")}/mic`;
  }

  /** Finds a new way to the same session: after a change of network its address is another. */
  async restart(signal: AbortSignal): Promise<void> {
    const { peer } = this;
    const offer = await peer.createOffer({ iceRestart: true });
    const sdp = withStereo(offer.sdp ?? "");
    await peer.setLocalDescription({ type: "offer", sdp });
    const body = restartFragment(sdp);
    if (body === null) throw unusable("The browser's offer has no ICE credentials.");
    const headers = {
      ...this.#bearer(),
      "content-type": "application/trickle-ice-sdpfrag",
      "if-match": "*",
    };
    const fragment = await withDeadline(ANSWER_WITHIN_MS, signal, async (within) => {
      const answer = await this.#options.send(this.#url, {
        method: "PATCH",
        headers,
        body,
        signal: within,
      });
      if (answer.status !== 200) throw new ApiError(await problemOf(answer));
      return answer.text();
    });
    const restarted = restartedAnswer(this.#answer, fragment.slice(0, LONGEST_ANSWER));
    if (restarted === null) throw unusable("The gateway's answer has no ICE credentials.");
    await peer.setRemoteDescription({ type: "answer", sdp: restarted });
    this.#answer = restarted;
  }

  /** Ends the session on both sides. Does not wait, so that it also works while the page goes away. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.peer.close();
    const init: RequestInit = { method: "DELETE", headers: this.#bearer(), keepalive: true };
    // Without an answer the gateway finds out by itself: nobody checks in any more.
    this.#options.send(this.#url, init).catch(() => undefined);
  }

  #bearer(): { authorization: string } {
    return { authorization: `Bearer ${this.#target.token}` };
  }
}

interface Opened {
  peer: RTCPeerConnection;
  stream: MediaStream;
  sender: RTCRtpSender;
  url: string;
  answer: string;
}

interface Created {
  url: string;
  answer: string;
}

async function post(
  options: WhepOptions,
  target: WhepTarget,
  offer: string,
  signal: AbortSignal,
): Promise<Created> {
  const headers = { authorization: `Bearer ${target.token}`, "content-type": "application/sdp" };
  const answer = await options.send(target.url, { method: "POST", headers, body: offer, signal });
  if (answer.status !== 201) throw new ApiError(await problemOf(answer));
  const sdp = await answer.text();
  const location = answer.headers.get("location");
  if (location === null) throw unusable("The gateway did not say where the session is.");
  if (!sdp.startsWith("v=0") || sdp.length > LONGEST_ANSWER)
    throw unusable("The gateway's answer is not SDP.");
  // After a redirect the location is relative to where the request ended up.
  return { url: new URL(location, answer.url || target.url).href, answer: sdp };
}

function unusable(detail: string): ApiError {
  return new ApiError({ kind: "refused", status: 0, detail });
}
