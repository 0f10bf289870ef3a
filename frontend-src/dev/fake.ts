/** Main as far as the page needs it to be looked at and tested: sign-in, lists, one journal that answers. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { foldFacts, NO_FACTS } from "../src/stores/facts.ts";
import type { Ops, SessionState } from "../src/wire/wire.gen.ts";
import { ago, JOURNAL, NODES, PROJECTS, PROVIDERS, SESSIONS, type JournalEvent } from "./world.ts";

type Params = Record<string, unknown>;
type Answer = { result: unknown; events?: unknown[] };
type Handler = (params: Params) => Answer;

class Refusal extends Error {
  readonly code: string;
  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

export class FakeMain {
  readonly journal: JournalEvent[] = structuredClone(JOURNAL);
  /** Whether somebody is signed in; `set-up` while there is no user. */
  door: "open" | "shut" | "set-up" = "open";
  readonly #watchers = new Set<{ socket: WebSocket; id: unknown; after: number }>();
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #handlers: { [K in keyof Ops]?: Handler } = {
    "nodes.list": () => ({ result: { nodes: NODES } }),
    "nodes.watch": () => ({ result: { nodes: NODES } }),
    "nodes.join": () => ({
      result: {
        register_token: "swr_2f9c41d07be84c55a0d1",
        main_server_url: "http://192.168.1.20:4457",
        config: '[node]\nmain_server_url = "http://192.168.1.20:4457"\nregister_token = "swr_2f9c41d07be84c55a0d1"\n',
        commands: ["make join ARGS=http://192.168.1.20:4457", "make run-node"],
      },
    }),
    "providers.list": () => ({ result: { providers: PROVIDERS } }),
    "projects.list": (params) => ({ result: { projects: PROJECTS[String(params["node"])] ?? [] } }),
    "projects.pin": () => ({ result: {} }),
    "session.list_watch": () => ({ result: { sessions: SESSIONS, offline: ["vps"] } }),
    "session.list": () => ({ result: { sessions: SESSIONS, offline: ["vps"] } }),
    "session.create": () => ({ result: { session: { ...SESSIONS[2], title: "New" } } }),
    "session.get": (params) => ({ result: this.#state(String(params["session"])) }),
    "session.events": (params) => this.#events(params),
    "session.send": (params) => this.#send(params),
    "session.answer": (params) => this.#answer(params),
    "session.interrupt": () => ({ result: { interrupted: true } }),
    "session.update": () => ({ result: { session: SESSIONS[0] } }),
    "inbox.watch": () => ({ result: { approvals: this.#inbox() } }),
    "logins.list": () => ({ result: { logins: LOGINS } }),
    "logins.revoke": () => ({ result: {} }),
    "users.change_password": () => ({ result: {} }),
    "users.list": () => ({ result: { users: ACCOUNTS } }),
    "users.create": (params) => ({ result: { user: { ...ACCOUNTS[1], name: params["username"] } } }),
    "users.update": () => {
      throw new Refusal("conflict", "ada is the last owner: make somebody else an owner first.");
    },
    "tokens.list": () => ({ result: { tokens: TOKENS } }),
    "tokens.create": (params) => ({
      result: { token: { ...TOKENS[0], name: params["name"] }, secret: "sy_k3_7Jd0cWm1YwqkP2vXn5tB8rLzQ4uHs6EaGf9oTi" },
    }),
    "tokens.revoke": () => ({ result: {} }),
    "audit.list": (params) => ({ result: { rows: auditRows(Number(params["cursor"] ?? 200)), next_cursor: "100" } }),
    "files.list": (params) => ({ result: folder(String(params["path"])) }),
    "git.status": (params) => ({
      result: { root: params["path"], branch: "main", ahead: 1, behind: 0, state: "clean", files: CHANGED },
    }),
    "git.diff": () => ({ result: { files: [] } }),
    "terminal.list": () => ({ result: { terminals: [] } }),
  };

  /** Answers what is Main's; false for everything else. */
  onRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const path = request.url?.split("?")[0] ?? "";
    const user = { id: "u1", name: "ada", role: "owner" };
    if (path === "/api/auth/status") {
      const isOpen = this.door === "open";
      json(response, 200, {
        setup_required: this.door === "set-up",
        user: isOpen ? user : null,
        version: "0.1.0",
        code_needed: this.door === "set-up",
      });
    } else if (path === "/api/auth/login" || path === "/api/auth/register") {
      this.door = "open";
      json(response, 200, { user, token: "t" });
    } else if (path === "/api/auth/logout") {
      this.door = "shut";
      response.writeHead(204).end();
    } else if (path === "/fake/door") {
      this.door = (request.url?.split("?")[1] ?? "open") as FakeMain["door"];
      response.writeHead(204).end();
    } else return false;
    return true;
  }

  /** Takes the upgrade of `/ws`; false for any other. */
  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (request.url?.split("?")[0] !== "/ws") return false;
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#serve(opened));
    return true;
  }

  /** Breaks every socket, as a restart of Main does. */
  breakAll(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  #serve(socket: WebSocket): void {
    socket.on("message", (data: Buffer) => {
      const call = JSON.parse(data.toString()) as { id?: unknown; method: string; params?: Params };
      if (call.id !== undefined) this.#call(socket, call.id, call.method, call.params ?? {});
    });
    socket.on("close", () => {
      for (const watcher of this.#watchers) if (watcher.socket === socket) this.#watchers.delete(watcher);
    });
  }

  #call(socket: WebSocket, id: unknown, method: string, params: Params): void {
    const send = (frame: object) => socket.send(JSON.stringify({ jsonrpc: "2.0", ...frame }));
    try {
      if (method === "unsubscribe") {
        send({ id, result: {} });
        return;
      }
      if (method === "session.watch") {
        const after = Number(params["after"] ?? 0);
        send({ id, result: { epoch: "e1", head: this.#head() } });
        for (const event of this.journal.slice(after)) send(notification(id, event));
        send(notification(id, { type: "live", head: this.#head() }));
        this.#watchers.add({ socket, id, after });
        return;
      }
      if (NODES.some((node) => node.id === params["node"] && node.status === "offline")) {
        throw new Refusal("node_offline", `${String(params["node"])} is offline.`);
      }
      const handler = this.#handlers[method as keyof Ops];
      if (handler === undefined) throw new Refusal("not_found", `There is no operation '${method}'.`);
      const answer = handler(params);
      send({ id, result: answer.result });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send({ id, error: { code: -32000, message: error.message, data: dataOf(error) } });
    }
  }

  #head(): number {
    return this.journal.length;
  }

  #inbox(): unknown[] {
    const { approvals } = this.#facts();
    return approvals.map((approval) => ({ type: "approval", session: SESSIONS[0], approval }));
  }

  #facts() {
    return this.journal.reduce(foldFacts, NO_FACTS);
  }

  #state(id: string): SessionState {
    const summary = SESSIONS.find((session) => session.id === id);
    if (summary === undefined) throw new Refusal("not_found", "There is no such session.");
    const { approvals, plan, queue, ...facts } = this.#facts();
    return {
      ...summary,
      ...facts,
      approvals: [...approvals],
      plan: [...plan],
      queue: [...queue],
      epoch: "e1",
      title: summary.title,
      path: summary.path,
    };
  }

  #events(params: Params): Answer {
    const limit = Number(params["limit"] ?? 500);
    const before = params["before"];
    const events =
      typeof before === "number"
        ? this.journal.slice(0, before - 1).slice(-limit)
        : this.journal.slice(Number(params["after"] ?? 0)).slice(0, limit);
    return { result: { epoch: "e1", events, head: this.#head() } };
  }

  #send(params: Params): Answer {
    const message = {
      message_id: String(params["message_id"]),
      text: String(params["text"]),
      attachments: [],
      by: "ada",
    };
    this.append({ type: "prompt_queued", ...message });
    return { result: { seq: this.#head(), state: "queued", duplicate: false } };
  }

  #answer(params: Params): Answer {
    const approval = String(params["approval"]);
    if (!this.#facts().approvals.some((one) => one.approval === approval)) {
      throw new Refusal("conflict", "This has been answered already, by ada.");
    }
    const option = String(params["option"]);
    this.append({ type: "approval_resolved", approval, outcome: "selected", option, by: "ada" });
    return { result: { seq: this.#head() } };
  }

  /** Journals an event and tells all watchers. */
  append(event: JournalEvent): void {
    const stamped = { ...event, seq: this.#head() + 1, ts: ago(0) };
    this.journal.push(stamped);
    for (const { socket, id } of this.#watchers) {
      socket.send(JSON.stringify({ jsonrpc: "2.0", ...notification(id, stamped) }));
    }
  }
}

const CHANGED = [
  { path: "src/ledger.py", index: ".", worktree: "M" },
  { path: "tests/test_report.py", index: ".", worktree: "M" },
];

const LOGINS = [
  {
    id: "l1",
    created: ago(5000),
    last_seen: ago(0),
    address: "127.0.0.1",
    user_agent: "Firefox on Linux",
    is_current: true,
  },
  {
    id: "l2",
    created: ago(90_000),
    last_seen: ago(700),
    address: "192.168.1.31",
    user_agent: "Safari on iPhone",
    is_current: false,
  },
];

const ACCOUNTS = [
  { id: "u1", name: "ada", role: "owner", created: ago(9000), last_seen: ago(0), logins: 2, grants: [] },
  {
    id: "u2",
    name: "grace",
    role: "member",
    created: ago(7000),
    last_seen: ago(70),
    logins: 1,
    grants: [
      { node: "*", role: "viewer" },
      { node: "workstation", role: "member" },
    ],
  },
  { id: "u3", name: "edsger", role: "viewer", created: ago(300), last_seen: null, logins: 0, grants: [] },
];

const TOKENS = [
  {
    id: "t1",
    name: "nightly build",
    scopes: ["read", "write"],
    created: ago(9000),
    last_used: ago(500),
    expires: ago(-90_000),
    user: "ada",
    nodes: ["workstation"],
  },
  { id: "t2", name: "phone", scopes: ["read"], created: ago(9000), last_used: null, expires: null, user: "ada" },
];

function auditRows(from: number): unknown[] {
  const rows = [
    { who: "ada", kind: "user", action: "login", node: null, subject: null, outcome: "ok" },
    { who: "ada", kind: "user", action: "terminal.opened", node: "laptop", subject: "/home/ada/ledger", outcome: "ok" },
    { who: "", kind: "unknown", action: "login.failed", node: null, subject: null, outcome: "unauthorized" },
    {
      who: "grace",
      kind: "user",
      action: "git.pushed",
      node: "workstation",
      subject: "/srv/train",
      outcome: "timeout",
    },
    { who: "vps", kind: "node", action: "node.joined", node: "vps", subject: null, outcome: "ok" },
    {
      who: "ada (nightly build)",
      kind: "token",
      action: "session.created",
      node: "laptop",
      subject: "s9",
      outcome: "ok",
    },
  ];
  return rows.map((row, index) => ({ id: from - index, ts: ago(index * 40), address: "192.168.1.31", ...row }));
}

function folder(path: string): Ops["files.list"]["result"] {
  const parent = path === "/" ? null : path.slice(0, path.lastIndexOf("/")) || "/";
  const entries = ["docs", "src", "tests"].map((name) => ({
    name,
    type: "directory" as const,
    size: 0,
    modified: ago(60),
    mode: "0755",
  }));
  return { path, parent, entries, next_cursor: null };
}

function notification(subscription: unknown, event: unknown): object {
  return { method: "event", params: { subscription, event } };
}

function dataOf(refusal: Refusal): object {
  return { code: refusal.code, detail: refusal.message, retryable: false };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}
