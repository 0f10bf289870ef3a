/** A bare Main for tests of the client: a real WebSocket server on loopback that does what the test tells it. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket as NodeSocket, WebSocketServer } from "ws";

export interface Received {
  id?: number;
  method: string;
  params: Record<string, unknown>;
}

export class TestMain {
  readonly received: Received[] = [];
  /** Answers a call; nothing is answered where it returns undefined. */
  onCall: (call: Received, reply: (result: unknown) => void, fail: (code: string) => void) => void = () => undefined;
  readonly #http: Server = createServer();
  #sockets: WebSocketServer | null = null;
  #port = 0;
  #waiting: { isMet: () => boolean; resolve: () => void }[] = [];

  /** Begins to listen on a free port of loopback. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#http.listen(0, "127.0.0.1", resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
    this.#sockets = new WebSocketServer({ server: this.#http });
    this.#sockets.on("connection", (socket) => {
      socket.on("message", (data: Buffer) => this.#onMessage(socket, data.toString()));
      this.#check();
    });
  }

  readonly dial = (): WebSocket => {
    const socket = new NodeSocket(`ws://127.0.0.1:${this.#port}`);
    // A browser tells a refused dial by `close` alone; this library throws where nobody listens for the error.
    socket.on("error", () => undefined);
    return socket as unknown as WebSocket;
  };

  notify(method: string, params: object): void {
    this.#broadcast(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  /** Notifications that come together: one message. */
  notifyAll(method: string, all: object[]): void {
    this.#broadcast(JSON.stringify(all.map((params) => ({ jsonrpc: "2.0", method, params }))));
  }

  breakAll(): void {
    for (const socket of this.#sockets?.clients ?? []) socket.terminate();
  }

  calls(method: string): Received[] {
    return this.received.filter((call) => call.method === method);
  }

  /** Resolves when the test's condition on what was received is met. */
  until(isMet: () => boolean): Promise<void> {
    if (isMet()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isMet, resolve }));
  }

  async close(): Promise<void> {
    this.breakAll();
    this.#sockets?.close();
    if (this.#http.listening) await new Promise((resolve) => this.#http.close(resolve));
  }

  #broadcast(text: string): void {
    for (const socket of this.#sockets?.clients ?? []) socket.send(text);
  }

  #onMessage(socket: NodeSocket, text: string): void {
    const call = JSON.parse(text) as Received;
    this.received.push(call);
    const send = (frame: object) => socket.send(JSON.stringify({ jsonrpc: "2.0", id: call.id, ...frame }));
    this.onCall(
      call,
      (result) => send({ result }),
      (code) =>
        send({ error: { code: -32000, message: code, data: { code, detail: `No: ${code}.`, retryable: false } } }),
    );
    this.#check();
  }

  #check(): void {
    for (const one of this.#waiting.filter(({ isMet }) => isMet())) {
      this.#waiting = this.#waiting.filter((other) => other !== one);
      one.resolve();
    }
  }
}
