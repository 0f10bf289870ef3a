/** A terminal's socket and screen, played. */
import type { ConnectionState, Screen, SocketLike, Surroundings } from "../src/terminal/connection.ts";

export class FakeSocket implements SocketLike {
  binaryType = "";
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  sent: (string | Uint8Array)[] = [];

  constructor(readonly after: number | null) {}

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  close(): void {
    this.readyState = 3;
  }

  frame(value: object): void {
    this.onmessage?.({ data: JSON.stringify(value) });
  }

  attach(offset: number, more: object = {}): void {
    this.frame({
      type: "attached",
      terminal: "t",
      offset,
      cols: 80,
      rows: 24,
      running: true,
      may_type: true,
      replayed_to: 0,
      leads: true,
      preamble: null,
      ...more,
    });
  }

  output(length: number): void {
    this.onmessage?.({ data: new ArrayBuffer(length) });
  }

  drop(): void {
    this.readyState = 3;
    this.onclose?.({ code: 1006 });
  }

  get frames(): unknown[] {
    return this.sent.filter((data) => typeof data === "string").map((data): unknown => JSON.parse(data));
  }
}

export class World implements Surroundings, Screen {
  sockets: FakeSocket[] = [];
  states: ConnectionState[] = [];
  unparsed: (() => void)[] = [];
  notices: number[] = [];
  writes: [number, boolean][] = [];
  sizes: [number, number, boolean][] = [];
  timers = new Map<number, () => void>();
  time = 1000;
  #timer = 0;

  open(after: number | null): SocketLike {
    const socket = new FakeSocket(after);
    this.sockets.push(socket);
    return socket;
  }
  now = (): number => this.time;
  setTimer(run: () => void): number {
    this.timers.set(++this.#timer, run);
    return this.#timer;
  }
  clearTimer(timer: number): void {
    this.timers.delete(timer);
  }
  random = (): number => 1;
  write(data: Uint8Array, isReplay: boolean, parsed: () => void): void {
    this.unparsed.push(parsed);
    this.writes.push([data.length, isReplay]);
  }
  notice(_kind: "skipped", bytes: number): void {
    this.notices.push(bytes);
  }
  resized(cols: number, rows: number, isOwn: boolean): void {
    this.sizes.push([cols, rows, isOwn]);
  }

  parseAll(): void {
    for (const parsed of this.unparsed.splice(0)) parsed();
  }
  fireTimers(): void {
    const due = [...this.timers.values()];
    this.timers.clear();
    for (const run of due) run();
  }
  get socket(): FakeSocket {
    const last = this.sockets.at(-1);
    if (last === undefined) throw new Error("nothing was dialled");
    return last;
  }
}
