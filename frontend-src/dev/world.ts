/** A small world to look at the page with: three machines, some sessions, one long log, things that wait. */
import type { Node, Project, ProviderInfo, SessionEventsResult, SessionSummary } from "../src/wire/wire.gen.ts";

export type JournalEvent = SessionEventsResult["events"][number];

const START = Date.now();

/** RFC 3339, `minutes` before the fake began. */
export function ago(minutes: number): string {
  return new Date(START - minutes * 60_000).toISOString();
}

function machine(id: string, more: Partial<Node>): Node {
  return {
    id,
    name: id,
    status: "online",
    mode: "direct",
    labels: {},
    capabilities: {
      terminal: true,
      providers: ["claude", "scripted"],
      features: ["files", "git", "projects", "sessions"],
    },
    platform: "linux-x86_64",
    version: "0.1.0",
    connected_at: ago(180),
    last_seen: ago(0),
    rtt_ms: 1.4,
    clock_offset_ms: 3,
    is_local: false,
    home: "/home/ada",
    ...more,
  };
}

export const NODES: Node[] = [
  machine("laptop", { is_local: true, rtt_ms: 0.4 }),
  machine("workstation", {
    labels: { gpu: "4090", room: "attic" },
    rtt_ms: 2.1,
    clock_offset_ms: 190_000,
    protocol: 1,
    address: "192.168.1.31",
  }),
  machine("vps", {
    status: "offline",
    last_seen: ago(3),
    rtt_ms: null,
    platform: "linux-aarch64",
    mode: "dialed",
    capabilities: { terminal: false, providers: ["claude"], features: ["files", "sessions"] },
    problem: "Main cannot dial wss://vps.example:4456: its certificate ended on 20 November 2026. Renew it there.",
  }),
];

function row(node: string, id: string, path: string, title: string, more: Partial<SessionSummary>): SessionSummary {
  return {
    id,
    node,
    path,
    provider: "claude",
    title,
    status: "idle",
    updated: ago(60),
    unread: false,
    pending_approvals: 0,
    model: "sonnet",
    mode: "default",
    archived: false,
    ...more,
  };
}

const LEDGER = "/home/ada/ledger";
const SITE = "/home/ada/site";

export const SESSIONS: SessionSummary[] = [
  row("laptop", "s1", LEDGER, "Round amounts half to even", {
    status: "waiting",
    pending_approvals: 1,
    updated: ago(1),
  }),
  row("laptop", "s2", LEDGER, "Why is the import of 2,000 rows slow?", { unread: true, updated: ago(22) }),
  row("laptop", "s3", SITE, "Dark theme for the print view", { status: "running", updated: ago(0) }),
  row("laptop", "s4", SITE, "Upgrade to Node 24", { status: "failed", unread: true, updated: ago(300) }),
  row("workstation", "s5", "/srv/train", "Sweep learning rates on the small model", {
    status: "running",
    updated: ago(2),
  }),
  row("workstation", "s6", "/srv/train", "Plot the loss of last night's runs", { updated: ago(900) }),
  row("workstation", "s7", "/home/ada/notes", "Sort the reading list", { updated: ago(4000) }),
  row("vps", "s8", "/srv/www", "Renew the certificates", { stale: true, updated: ago(2000) }),
];

export const PROJECTS: Record<string, Project[]> = {
  laptop: [
    { path: LEDGER, name: "ledger", sessions: 2, pinned: true, last_used: ago(1), git_branch: "main" },
    { path: SITE, name: "site", sessions: 2, pinned: false, last_used: ago(0), git_branch: "print-view" },
    { path: "/home/ada/dotfiles", name: "dotfiles", sessions: 0, pinned: false, last_used: null, git_branch: "main" },
  ],
  workstation: [
    { path: "/srv/train", name: "train", sessions: 2, pinned: false, last_used: ago(2), git_branch: "sweep" },
    { path: "/home/ada/notes", name: "notes", sessions: 1, pinned: false, last_used: ago(4000) },
  ],
};

export const PROVIDERS: ProviderInfo[] = [
  {
    id: "claude",
    name: "Claude Code",
    tag: "CC",
    available: true,
    version: "2.1.9",
    models: [
      { id: "sonnet", name: "Sonnet", efforts: ["low", "medium", "high"], is_default: true },
      { id: "opus", name: "Opus", efforts: ["low", "medium", "high"], is_default: false },
      { id: "haiku", name: "Haiku", efforts: [], is_default: false },
    ],
    modes: [
      { id: "default", name: "Ask first", description: "Asks before it acts", risk: false, is_default: true },
      { id: "plan", name: "Plan", description: "Reads and plans, changes nothing", risk: false, is_default: false },
      { id: "bypass", name: "Never ask", description: "Acts without asking", risk: true, is_default: false },
    ],
    commands: [{ name: "compact", description: "Summarise the conversation so far" }],
    features: ["images", "thinking", "interrupt", "resume", "questions", "plan", "queue"],
  },
  {
    id: "codex",
    name: "Codex",
    tag: "CX",
    available: false,
    reason: "The codex program was not found on this machine. Install it, or name it in providers.codex.command.",
    models: [],
    modes: [],
    commands: [],
    features: [],
  },
];

type Unstamped = JournalEvent extends infer E ? (E extends JournalEvent ? Omit<E, "seq" | "ts"> : never) : never;

/** Gives events their `seq` and `ts`, six seconds apart, the last one now. */
function stamp(events: Unstamped[]): JournalEvent[] {
  return events.map((event, index) => ({ ...event, seq: index + 1, ts: ago((events.length - index) / 10) }));
}

const T1 = { turn: "t1" };
const T2 = { turn: "t2" };

/** The journal of `laptop/s1`: one turn done, a second one that waits for an approval. */
export const JOURNAL: JournalEvent[] = stamp([
  { type: "session_started", provider: "claude", path: LEDGER, model: "sonnet", mode: "default" },
  { type: "title_changed", title: "Round amounts half to even" },
  {
    type: "prompt_queued",
    message_id: "p1",
    text: "Amounts are rounded half up. They should be rounded half to even, as the bank does. Find out where and mend it.",
    attachments: [],
    by: "ada",
  },
  { type: "turn_started", ...T1 },
  {
    type: "user_message",
    ...T1,
    message_id: "p1",
    text: "Amounts are rounded half up. They should be rounded half to even, as the bank does. Find out where and mend it.",
    attachments: [],
    by: "ada",
  },
  { type: "agent_thought", ...T1, message_id: "h1", text: "I should look for the rounding first." },
  { type: "agent_message", ...T1, message_id: "m1", text: "I will look for where amounts are rounded." },
  {
    type: "tool_call",
    ...T1,
    tool_call_id: "c1",
    name: "Grep",
    kind: "search",
    title: "round(",
    input: { pattern: "round(" },
  },
  {
    type: "tool_call_update",
    ...T1,
    tool_call_id: "c1",
    status: "completed",
    content: [{ type: "text", text: "src/ledger.py:41\nsrc/report.py:12" }],
  },
  {
    type: "tool_call",
    ...T1,
    tool_call_id: "c2",
    name: "Read",
    kind: "read",
    title: "src/ledger.py",
    input: { file_path: `${LEDGER}/src/ledger.py` },
  },
  { type: "tool_call_update", ...T1, tool_call_id: "c2", status: "completed", content: [] },
  {
    type: "tool_call",
    ...T1,
    tool_call_id: "c3",
    name: "Edit",
    kind: "edit",
    title: "src/ledger.py",
    input: { file_path: `${LEDGER}/src/ledger.py` },
  },
  {
    type: "tool_call_update",
    ...T1,
    tool_call_id: "c3",
    status: "completed",
    content: [
      {
        type: "diff",
        path: `${LEDGER}/src/ledger.py`,
        old_text: "    return int(amount * 100 + 0.5)\n",
        new_text: "    return int((amount * 100).to_integral_value(ROUND_HALF_EVEN))\n",
      },
    ],
  },
  {
    type: "tool_call",
    ...T1,
    tool_call_id: "c4",
    name: "Bash",
    kind: "execute",
    title: "pytest -q",
    input: { command: "pytest -q" },
  },
  {
    type: "tool_call_update",
    ...T1,
    tool_call_id: "c4",
    status: "failed",
    content: [{ type: "text", text: "E   AssertionError: 13 != 12\n1 failed, 41 passed in 1.93s" }],
  },
  {
    type: "agent_message",
    ...T1,
    message_id: "m2",
    text: "`to_cents` rounds half to even now. One test still expects the old sum:\n\n| test | was | is |\n|---|---|---|\n| `test_report_total` | 13 | 12 |\n\nShall I change it?",
  },
  { type: "usage", ...T1, input_tokens: 18_204, output_tokens: 912, context_used: 14_000, context_size: 200_000 },
  { type: "turn_ended", ...T1, stop_reason: "end_turn" },
  { type: "prompt_queued", message_id: "p2", text: "Yes. Then commit.", attachments: [], by: "ada" },
  { type: "turn_started", ...T2 },
  { type: "user_message", ...T2, message_id: "p2", text: "Yes. Then commit.", attachments: [], by: "ada" },
  {
    type: "tool_call",
    ...T2,
    tool_call_id: "c5",
    name: "Bash",
    kind: "execute",
    title: "git commit -am 'Round half to even'",
    input: { command: "git commit -am 'Round half to even'" },
  },
  {
    type: "approval_requested",
    ...T2,
    approval: "a1",
    kind: "tool",
    tool_call_id: "c5",
    title: "wants to run a command",
    input: { command: "git commit -am 'Round half to even'" },
    options: [
      { id: "once", name: "Allow once", kind: "allow_once" },
      { id: "session", name: "Bash(git commit:*) in this session", kind: "allow_session" },
      { id: "always", name: "Bash(git commit:*) in this project", kind: "allow_always" },
      { id: "no", name: "Deny", kind: "reject_once" },
    ],
    expires_at: ago(-1440),
  },
]);
