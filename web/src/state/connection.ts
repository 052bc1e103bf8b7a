/** The websocket to the venue: surfaces in their order, requests with their answers.
 *
 * A message that is missing makes the page ask for everything again; a connection that ends is made
 * again, with a pause that doubles up to ``LONGEST_PAUSE_MS``. One that says nothing for
 * ``LONGEST_SILENCE_MS`` has ended too, whatever the browser says of it: the venue sends something
 * every two seconds.
 */

import type { Answer, AnyRequest, Ask, Sent, Surface } from "../protocol";

export type Link = "connecting" | "open" | "lost";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
const LONGEST_SILENCE_MS = 10_000;
const LOOKS_EVERY_MS = 1_000;

/** Of a request that got no answer because there was no connection, or no longer one.
 * ``isSent``: it may have been done nevertheless. */
export class ConnectionLost extends Error {
  constructor(readonly isSent: boolean) {
    super(isSent ? "no answer came" : "nothing was sent");
  }
}

export class Connection {
  private socket: WebSocket | null = null;
  private asked = 0;
  private sequence = 0;
  private pause = FIRST_PAUSE_MS;
  private heardMs = 0;
  private lookedMs = 0;
  private readonly waiting = new Map<
    number,
    { resolve: (answer: Answer) => void; reject: (error: Error) => void }
  >();

  /** ``address``: asked for at each connection. */
  constructor(
    private readonly address: () => string,
    private readonly onSurface: (message: Surface) => void,
    private readonly onLink: (link: Link) => void,
  ) {
    setInterval(() => this.look(), LOOKS_EVERY_MS);
  }

  open(): void {
    this.onLink("connecting");
    const socket = new WebSocket(this.address());
    this.socket = socket;
    this.sequence = 0;
    this.heardMs = performance.now();
    socket.onmessage = (event) => this.take(String(event.data));
    socket.onclose = () => this.closed();
  }

  /** The answer to a request. Rejects with ConnectionLost. */
  ask(request: AnyRequest): Promise<Answer> {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new ConnectionLost(false));
    }
    this.asked += 1;
    const message: Ask = { id: this.asked, request };
    return new Promise((resolve, reject) => {
      this.waiting.set(message.id, { resolve, reject });
      socket.send(JSON.stringify(message));
    });
  }

  private take(text: string): void {
    this.heardMs = performance.now();
    const { sequence, message } = JSON.parse(text) as Sent;
    const isGap = sequence !== this.sequence + 1;
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
    if (isGap) this.resynchronise();
  }

  private resynchronise(): void {
    // What was lost may have been an answer.
    this.giveUp();
    // Where the connection ends before this is answered, the next one begins with everything.
    this.ask({ type: "Resynchronise" }).catch(() => undefined);
  }

  private giveUp(): void {
    const given = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of given) reject(new ConnectionLost(true));
  }

  private look(): void {
    const now = performance.now();
    // A page that slept itself has heard nothing either.
    if (now - this.lookedMs > 3 * LOOKS_EVERY_MS) this.heardMs = now;
    this.lookedMs = now;
    if (this.socket && now - this.heardMs > LONGEST_SILENCE_MS) this.closed();
  }

  private closed(): void {
    if (this.socket) {
      this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
      this.socket = null;
    }
    this.onLink("lost");
    this.giveUp();
    setTimeout(() => this.open(), this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
  }
}
