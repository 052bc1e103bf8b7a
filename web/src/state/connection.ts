/** The websocket to the venue: surfaces in their order, requests with their answers.
 *
 * A message that is missing makes the page ask for everything again; a connection that ends is made
 * again, with a pause that doubles up to ``LONGEST_PAUSE_MS``.
 */

import type { Answer, AnyRequest, Ask, Sent, Surface } from "../protocol";

export type Link = "connecting" | "open" | "lost";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;

/** Of a request that got no answer because the connection ended. */
export class ConnectionLost extends Error {}

export class Connection {
  private socket: WebSocket | null = null;
  private asked = 0;
  private sequence = 0;
  private pause = FIRST_PAUSE_MS;
  private readonly waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();

  bytes = 0;
  messages = 0;

  constructor(
    private readonly address: string,
    private readonly onSurface: (message: Surface) => void,
    private readonly onLink: (link: Link) => void,
  ) {}

  open(): void {
    this.onLink("connecting");
    const socket = new WebSocket(this.address);
    this.socket = socket;
    this.sequence = 0;
    socket.onmessage = (event) => this.take(String(event.data));
    socket.onclose = () => this.closed();
  }

  /** The answer to a request. Rejects with ConnectionLost. */
  ask(request: AnyRequest): Promise<Answer> {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new ConnectionLost("the venue does not answer"));
    }
    this.asked += 1;
    const message: Ask = { id: this.asked, request };
    return new Promise((resolve, reject) => {
      this.waiting.set(message.id, { resolve, reject });
      socket.send(JSON.stringify(message));
    });
  }

  private take(text: string): void {
    this.bytes += text.length;
    this.messages += 1;
    const { sequence, message } = JSON.parse(text) as Sent;
    const isGap = sequence !== this.sequence + 1 && message.type !== "Snapshot";
    this.sequence = sequence;
    if (message.type === "Snapshot") {
      this.pause = FIRST_PAUSE_MS;
      this.onLink("open");
    }
    if (message.type === "Answered") {
      this.waiting.get(message.id)?.resolve(message.answer);
      this.waiting.delete(message.id);
    } else {
      this.onSurface(message);
    }
    if (isGap) void this.ask({ type: "Resynchronise" });
  }

  private closed(): void {
    this.onLink("lost");
    for (const { reject } of this.waiting.values()) {
      reject(new ConnectionLost("the connection ended before the answer came"));
    }
    this.waiting.clear();
    setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }
}
