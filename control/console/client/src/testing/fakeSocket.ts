/** A WebSocket that a test speaks for. */

import type { Socket } from "../liveFeed.ts";

export class FakeSocket extends EventTarget {
  readonly url: string;
  readonly protocols: string[];
  readonly sent: string[] = [];
  readyState = 0;

  constructor(url: string, protocols: string[] = []) {
    super();
    this.url = url;
    this.protocols = protocols;
  }

  /** As the feed sees it. Node has the events, not the class. */
  asSocket(): Socket {
    return this as unknown as Socket;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.drop(1000);
  }

  accept(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event("open"));
  }

  say(message: object): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }

  drop(code = 1006): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}
