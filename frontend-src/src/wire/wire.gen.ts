// Generated from ws/protocol by `python -m ws.schema`; do not edit.

export const PROTOCOL_VERSION = 3;

export type ErrorCode = "invalid" | "unauthorized" | "forbidden" | "not_found" | "conflict" | "precondition_failed" | "too_large" | "rate_limited" | "internal" | "unsupported" | "provider_failed" | "node_offline" | "timeout";

/** A user as owners see it. Owners need no grants: they may do everything on every node. */
export interface Account {
  id: string;
  name: string;
  role: "member" | "owner" | "viewer";
  created: string;
  last_seen: string | null;
  logins: number;
  grants: Grant[];
}

export interface AccountResult {
  user: Account;
}

/** Output up to byte `offset` of the terminal's life has been parsed by the reader. */
export interface Ack {
  type: "ack";
  offset: number;
}

/** A finished block of prose. A long one is several blocks of one `message_id` with `part` 0, 1 … */
export interface AgentMessage {
  type: "agent_message";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  text: string;
  part?: number | null;
  parent?: string | null;
}

/**
 * The agent's program as it is now, whole at each change. Ephemeral: it is in no journal and dies with the program.
 *
 * `process` is what the third light of the page shows. `commands` are those of this session, None while not known.
 */
export interface AgentState {
  type: "agent_state";
  process: "live" | "none" | "starting";
  tasks?: BackgroundTask[];
  servers?: ToolServer[];
  commands?: SlashCommand[] | null;
}

export interface AgentThought {
  type: "agent_thought";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  text: string;
  part?: number | null;
  parent?: string | null;
}

/**
 * A key for programs, of the user whose name is `user`. It never allows more than its user may do at that moment.
 *
 * The scope owner holds all others. `nodes` absent: every node of the user.
 */
export interface ApiToken {
  id: string;
  name: string;
  scopes: ("owner" | "read" | "terminal" | "write")[];
  created: string;
  last_used: string | null;
  expires: string | null;
  user: string;
  nodes?: string[] | null;
}

/**
 * One thing the user may answer. `name` writes the exact rule out that "session" or "always" would remember.
 *
 * `mode` is set when choosing it puts the session into that mode.
 */
export interface ApprovalOption {
  id: string;
  name: string;
  kind: "allow_always" | "allow_once" | "allow_session" | "reject_always" | "reject_once";
  mode?: string | null;
}

/** The agent waits for an answer until `expires_at` (RFC 3339), then is told no. */
export interface ApprovalRequested {
  type: "approval_requested";
  seq?: number;
  ts?: string;
  turn?: string | null;
  approval: string;
  kind: "plan" | "question" | "tool";
  title: string;
  input: Record<string, unknown>;
  options: ApprovalOption[];
  tool_call_id?: string | null;
  questions?: Question[] | null;
  expires_at?: string;
}

/** `option` and `by` are set when somebody selected; `withdrawn` means that the turn ended or the agent gave up. */
export interface ApprovalResolved {
  type: "approval_resolved";
  seq?: number;
  ts?: string;
  turn?: string | null;
  approval: string;
  outcome: "expired" | "selected" | "withdrawn";
  option?: string | null;
  by?: string | null;
}

/**
 * `link.archive`: a folder as zip, or the `names` that are picked in it.
 *
 * The node counts first and sends READY, then content and END.
 */
export interface ArchiveParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  stream: string;
  key: string;
  caller: Caller;
  carriage?: "framed" | "probed" | "raw";
  names?: string[] | null;
}

/** It is a folder that may be read. */
export interface ArchiveResult {
}

export interface Archived {
  type: "archived";
  seq?: number;
  ts?: string;
  turn?: string | null;
  archived: boolean;
  by?: string | null;
}

/**
 * First frame, and sent again when the terminal is restarted. The next binary byte is output byte `offset`.
 *
 * Output before `replayed_to` has been shown to somebody who may type: what a program asked its terminal in it was
 * answered then, and must not be answered again. From there on the reader that `leads` answers, nobody else; `Lead`
 * tells when that changes. `preamble`, which is no output and has no offset, brings a screen that has not seen what
 * came before `offset` into the state of that place; only where older output is no longer kept. It has at most 16384
 * characters; a longer one is a fault of the node.
 */
export interface Attached {
  type: "attached";
  terminal: string;
  offset: number;
  cols: number;
  rows: number;
  running: boolean;
  may_type: boolean;
  replayed_to: number;
  leads: boolean;
  preamble: string | null;
}

/** Something sent with a prompt: a picture (`data:` URL) or a file of the workspace (absolute path). */
export interface Attachment {
  type: "file" | "image";
  name?: string;
  mime?: string;
  data_url?: string | null;
  path?: string | null;
}

/**
 * Newest first. `who`, `action` and `node` choose by equality, an `action` that ends in `.` by its beginning.
 *
 * The oldest rows go after 400 days, and when there are more than 100,000 of a sort: access, work, refusals.
 */
export interface AuditListParams {
  limit?: number;
  cursor?: string | null;
  who?: string | null;
  action?: string | null;
  node?: string | null;
}

export interface AuditListResult {
  rows: AuditRow[];
  next_cursor?: string | null;
}

/**
 * `kind` says what `who` names: a user, a user by an API token, a node, or nobody that Main knows.
 *
 * `outcome` is ok, the error code, or `unfinished` when the caller went away before the answer: it may have been done.
 */
export interface AuditRow {
  id: number;
  ts: string;
  who: string;
  kind: "node" | "token" | "unknown" | "user";
  address: string;
  action: string;
  node: string | null;
  subject: string | null;
  outcome: string;
}

/** GET /api/auth/status. `code_needed` tells the page whether first sign-up from here needs the set-up code. */
export interface AuthStatus {
  setup_required: boolean;
  user: User | null;
  version: string;
  code_needed: boolean;
}

/** Something that the agent left running, by itself or as an agent of its own; session.stop_task takes its `id`. */
export interface BackgroundTask {
  id: string;
  kind: "agent" | "command" | "other";
  title: string;
  started: string;
  tool_call_id?: string | null;
}

/** `gone`: the upstream is configured but does not exist any more. `worktree`: where else it is checked out. */
export interface Branch {
  name: string;
  kind: "local" | "remote";
  commit: string;
  subject: string;
  date: string;
  is_current: boolean;
  upstream?: string | null;
  ahead?: number | null;
  behind?: number | null;
  gone?: boolean | null;
  worktree?: string | null;
}

/** Who a call on the link is made for; set by Main alone, never read from a browser. */
export interface Caller {
  user: string;
  login: string;
  role: "member" | "owner" | "viewer";
  name?: string;
  request?: string | null;
}

/** What a node offers: `terminal` is false where policy or platform has none; `providers` are ids. */
export interface Capabilities {
  terminal: boolean;
  providers: string[];
  features: string[];
}

/**
 * `refs` are the branches and tags that point to it, `subject` the first line and `body` the rest.
 *
 * `date` is when it was written. Texts are cut at 500 and, of `body`, at 2,000 characters; git.show gives 60,000.
 */
export interface Commit {
  id: string;
  parents: string[];
  author: string;
  email: string;
  date: string;
  subject: string;
  refs: string[];
  body?: string | null;
}

/**
 * Streaming text: `text` begins at character `offset` of the block `message_id`. Ephemeral, never journalled.
 *
 * The durable block with the same `message_id` supersedes all deltas. A delta with offset 0 restarts the block.
 * Offsets count Unicode code points.
 */
export interface Delta {
  type: "delta";
  message_id: string;
  kind: "text" | "thought";
  offset: number;
  text: string;
  parent?: string | null;
}

/** A file change. `old_text` is None for a new file. */
export interface DiffContent {
  type: "diff";
  path: string;
  old_text: string | null;
  new_text: string;
}

export interface DiffFile {
  path: string;
  status: "added" | "copied" | "deleted" | "modified" | "renamed" | "typechange" | "unmerged" | "untracked";
  binary: boolean;
  hunks: Hunk[];
  old_path?: string | null;
  path_bytes?: string | null;
}

/** `link.download`. On the stream Main sends ASK with a Span; the node sends that much content and END. */
export interface DownloadParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  stream: string;
  key: string;
  caller: Caller;
  carriage?: "framed" | "probed" | "raw";
}

/**
 * The file is open. `modified_s` counts from the epoch.
 *
 * Up to filesystem.max_read_bytes `etag` is the hash of the content, as in files.stat; of a longer file it names
 * inode, size and time of change, and so changes with every rewrite.
 */
export interface DownloadResult {
  size: number;
  etag: string;
  modified_s: number;
}

/** Text that was not sent yet; empty: it is gone. `device` is chosen by the page, so that it knows its own. */
export interface Draft {
  type: "draft";
  key: string;
  text: string;
  device?: string;
}

export interface DraftParams {
  key: string;
  text: string;
  device?: string;
}

/** Nothing to say but that it is done. */
export interface Empty {
}

/**
 * `mode` is the octal permission string (`"0644"`), `target` that of a symlink, `ignored` what Git ignores.
 *
 * A name that is not UTF-8 is shown with U+FFFD in `name`; `name_bytes` is the base64 of its bytes.
 */
export interface Entry {
  name: string;
  type: "directory" | "file" | "other" | "symlink";
  size: number;
  modified: string;
  mode: string;
  target?: string | null;
  ignored?: boolean | null;
  name_bytes?: string | null;
}

/**
 * The problem document of a failure (RFC 9457): the body over HTTP, `error.data` of JSON-RPC.
 *
 * `type`, `title` and `status` follow from `code`; a reader needs none of them. `winner` comes with the `conflict` of
 * an approval that somebody else has answered.
 */
export interface ErrorData {
  type?: string;
  title?: string;
  status?: number;
  code: ErrorCode;
  detail: string;
  retryable: boolean;
  errors?: FieldError[] | null;
  retry_after_s?: number | null;
  winner?: Winner | null;
}

export interface Exit {
  type: "exit";
  code: number | null;
  signal: string | null;
}

/** One bad parameter: `path` is dotted (`params.attachments.0.mime`), `message` a sentence. */
export interface FieldError {
  path: string;
  message: string;
}

/** `path` is relative to the folder that is watched. A file that was replaced in one step is `added` again. */
export interface FileChange {
  path: string;
  kind: "added" | "deleted" | "modified";
  path_bytes?: string | null;
}

/** One place on a node. */
export interface FileParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
}

export interface FilesChanged {
  type: "changed";
  changes: FileChange[];
}

/** To the trash; `permanent` deletes for good, folders with all that is in them. Links are never followed. */
export interface FilesDeleteParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  permanent?: boolean;
}

/** `trash` brings it back by files.restore; absent when it is gone for good. */
export interface FilesDeleteResult {
  trash?: string | null;
}

/**
 * Files below `path`, and folders that hold some, whose relative path has the letters of `query` in order.
 *
 * Best first in each batch.
 */
export interface FilesFindParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  query: string;
  limit?: number;
}

/** A batch of what files.find has found so far; a later batch may hold better ones. */
export interface FilesFound {
  type: "found";
  entries: FoundPath[];
}

/**
 * Lines below `path` that hold `query`: a text, or with `regex` a regular expression (Rust's `regex` syntax).
 *
 * Binary files and those above 64 MiB are passed over.
 *
 * `case` smart: small letters match both. `include` limits it to files that match one of these globs, `exclude` leaves
 * those out. `limit` counts lines.
 */
export interface FilesGrepParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  query: string;
  regex?: boolean;
  case?: "insensitive" | "sensitive" | "smart";
  include?: string[];
  exclude?: string[];
  limit?: number;
}

/** `hidden` false leaves dot files out. `ignored` true asks Git which entries it ignores. */
export interface FilesListParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  hidden?: boolean;
  ignored?: boolean;
  limit?: number;
  cursor?: string | null;
}

/** Directories first, natural order. `parent` is absent at a root. */
export interface FilesListResult {
  path: string;
  entries: Entry[];
  parent: string | null;
  next_cursor?: string | null;
  path_bytes?: string | null;
  parent_bytes?: string | null;
}

/** A new folder; `parents` makes the folders on the way too, and then one that exists is no error. */
export interface FilesMakeParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  parents?: boolean;
}

/** Matching lines of one file. */
export interface FilesMatched {
  type: "matched";
  path: string;
  lines: GrepLine[];
  path_bytes?: string | null;
}

/**
 * Move or copy to the path `to` itself, not into it. What stands there is refused unless `replace`.
 *
 * Folders go with all that is in them; with `replace` what stood at `to` goes to the trash first.
 */
export interface FilesMoveParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  to?: string;
  to_bytes?: string | null;
  replace?: boolean;
}

/** Too many changes at once to tell one by one: list the folder again. */
export interface FilesOverflow {
  type: "overflow";
}

/** An upload of the caller's by its `upload`. What still comes of it is cut; `discard` forgets what has come. */
export interface FilesPartialParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  upload: string;
  discard?: boolean;
}

/** `size` bytes are there, from which it goes on; 0: it begins anew. With `etag` it is whole and in its place. */
export interface FilesPartialResult {
  size: number;
  etag?: string | null;
}

/** Where it is now. */
export interface FilesPlaceResult {
  path: string;
  path_bytes?: string | null;
}

/** Text, cut at filesystem.max_read_bytes (then `truncated`); `size` in bytes is that of the whole file. */
export interface FilesReadResult {
  content: string;
  etag: string;
  encoding: string;
  truncated: boolean;
  size: number;
}

/** `trash` as files.delete answered it. A place that is taken meanwhile is `conflict`; the trash keeps it. */
export interface FilesRestoreParams {
  node: string;
  trash: string;
}

/** The last event: how many were found, and whether `limit` ended the search. Then the subscription ends. */
export interface FilesSearchDone {
  type: "done";
  found: number;
  truncated: boolean;
}

/** Found paths are relative to `root`, the folder that was searched. */
export interface FilesSearchResult {
  root: string;
  engine: string;
}

/** `etag` is a hash of the content, absent for what is no file or larger than filesystem.max_read_bytes. */
export interface FilesStatResult {
  path: string;
  name: string;
  type: "directory" | "file" | "other" | "symlink";
  size: number;
  modified: string;
  mode: string;
  target?: string | null;
  etag?: string | null;
  path_bytes?: string | null;
}

/** Changes directly in a folder, or with `recursive` anywhere below it, less `.git` and what Git ignores. */
export interface FilesWatchParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  recursive?: boolean;
}

export interface FilesWatchResult {
  path: string;
}

/** Without `if_match` it overwrites; a missing file needs `create`. */
export interface FilesWriteParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  content: string;
  if_match?: string | null;
  create?: boolean;
}

export interface FilesWriteResult {
  etag: string;
  size: number;
}

/**
 * Where a session branched off: after event `seq` of `session` on the same node.
 *
 * `native_id` and `anchor` are the agent's own names for that session and that point (None: its end); a new session of
 * the agent begins with its history up to there.
 */
export interface ForkPoint {
  session: string;
  seq: number;
  native_id?: string | null;
  anchor?: string | null;
}

/** `path` is relative to the root of the search. */
export interface FoundPath {
  path: string;
  type: "directory" | "file" | "other" | "symlink";
  path_bytes?: string | null;
}

/** A new branch at `start` (HEAD), without switching to it. */
export interface GitBranchParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  branch: string;
  start?: string | null;
}

/** Local ones first, each kind with the most recently used first. `current` is None when HEAD is detached. */
export interface GitBranchesResult {
  current: string | null;
  branches: Branch[];
  remotes: string[];
  truncated?: boolean | null;
}

/**
 * HEAD, the index or a branch is another one now, or an act has ended: ask for the status again.
 *
 * `act` and `error` say which act ended and how, for those who did not make the call.
 */
export interface GitChanged {
  type: "changed";
  act?: string | null;
  error?: string | null;
}

/**
 * Switch to `branch`; `create` makes it first, at `start` (HEAD).
 *
 * Changes in the worktree go along; where they are in the way it is `conflict` and nothing has changed. A remote
 * branch that has no local one gets one that follows it.
 */
export interface GitCheckoutParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  branch: string;
  create?: boolean;
  start?: string | null;
}

/**
 * What is staged; `all` stages every change first. `amend` replaces the last commit, whose message an empty one
 * keeps. The user's hooks run.
 */
export interface GitCommitParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  message: string;
  amend?: boolean;
  all?: boolean;
}

/** A local branch. One with commits that are on no other is `conflict` unless `force`. */
export interface GitDeleteBranchParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  branch: string;
  force?: boolean;
}

/**
 * Worktree against index; `staged`: index against HEAD; `base`: worktree against that commit.
 *
 * `file` (relative to the root) limits it to one.
 */
export interface GitDiffParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  staged?: boolean;
  base?: string | null;
  file?: string | null;
  file_bytes?: string | null;
}

export interface GitDiffResult {
  files: DiffFile[];
  truncated?: boolean | null;
}

/** From `remote` (the branch's own, else origin). `prune` forgets remote branches that are gone there. */
export interface GitFetchParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  remote?: string | null;
  prune?: boolean;
}

/** `index` and `worktree` are the letters of `git status --porcelain=v2` (`.` = unchanged, `?` = untracked). */
export interface GitFile {
  path: string;
  index: string;
  worktree: string;
  renamed_from?: string | null;
  path_bytes?: string | null;
}

/**
 * `files` relative to the root, `files_bytes` those whose names are not UTF-8; `all` means every change.
 *
 * A folder stands for all changes below it. Discarding brings files back to what is staged; what was only in the
 * worktree is lost, except files that Git does not know, which go to the trash.
 */
export interface GitFilesParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  files?: string[];
  files_bytes?: string[];
  all?: boolean;
}

/** Commits reachable from `ref` (HEAD), newest first; `file` limits it to those that changed it. */
export interface GitLogParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  ref?: string | null;
  file?: string | null;
  file_bytes?: string | null;
  limit?: number;
  cursor?: string | null;
}

export interface GitLogResult {
  commits: Commit[];
  next_cursor?: string | null;
}

/** A long act under way, whoever began it: `act` fetch, pull, push …, `phase` in Git's words, `percent` if known. */
export interface GitProgress {
  type: "progress";
  act: string;
  phase: string;
  percent?: number | null;
}

/** Fetch, then bring the branch up to its upstream. `how` ff refuses when both have gone on. */
export interface GitPullParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  how?: "ff" | "merge" | "rebase";
}

/**
 * The current branch to its upstream. Without one: to `remote` (origin) under its own name, which becomes it.
 *
 * `force_with_lease` overwrites the remote branch only if it is where this repository last saw it.
 */
export interface GitPushParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  remote?: string | null;
  force_with_lease?: boolean;
}

/** One commit and what it changed against its first parent. `file` limits the differences to one. */
export interface GitShowParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  ref: string;
  file?: string | null;
  file_bytes?: string | null;
}

export interface GitShowResult {
  commit: Commit;
  files: DiffFile[];
  truncated?: boolean | null;
}

/** Any folder inside the repository. */
export interface GitStatusParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
}

/** Paths are relative to `root`. `branch` is None when HEAD is detached or unborn without a name. */
export interface GitStatusResult {
  root: string;
  branch: string | null;
  ahead: number;
  behind: number;
  state: "bisecting" | "cherry-picking" | "clean" | "merging" | "rebasing" | "reverting";
  files: GitFile[];
  upstream?: string | null;
  head?: string | null;
  truncated?: boolean | null;
}

export interface GitWatchResult {
  root: string;
}

/**
 * What a user may do on one node, or with `node` "*" on every one that has no grant of its own.
 *
 * It never gives more than the user's own role allows.
 */
export interface Grant {
  node: string;
  role: "member" | "viewer";
}

/**
 * `line` counts from 1; `spans` are [begin, end) in characters of `text`.
 *
 * `text` is at most 1,000 characters; of a longer line they begin shortly before its first match.
 */
export interface GrepLine {
  line: number;
  text: string;
  spans: [number, number][];
}

/**
 * `link.hello`, node to Main. `secret` (node to Main from now on) only at first contact.
 *
 * `has_carriage`: the calls that open streams may name a `carriage`.
 *
 * `proof` answers the nonce of Main's dial: the node at that address is the one that it says (see ws.proof).
 */
export interface HelloParams {
  protocol: number;
  min_protocol: number;
  version: string;
  id: string;
  name: string;
  platform: string;
  labels: Record<string, string>;
  capabilities: Capabilities;
  time: string;
  home?: string | null;
  has_carriage?: boolean;
  secret?: string | null;
  proof?: string | null;
}

/** `protocol` is the version both speak. `secret` (Main to node from now on) only at first contact. */
export interface HelloResult {
  protocol: number;
  version: string;
  main_id: string;
  time: string;
  secret?: string | null;
}

/** `lines` keep their first character: space, `+`, `-` or `\`. */
export interface Hunk {
  header: string;
  lines: string[];
}

/** A picture as `data:` URL. */
export interface ImageContent {
  type: "image";
  mime: string;
  data_url: string;
}

/** A pending approval of a session that the caller may see. */
export interface InboxItem {
  type: "approval";
  session: SessionSummary;
  approval: ApprovalRequested;
}

/**
 * It is asked no more. `outcome`, `option` and `by` as in `approval_resolved`; all absent when the session or its
 * node has gone, and from nodes of an older build.
 */
export interface InboxResolved {
  type: "resolved";
  node: string;
  session: string;
  approval: string;
  outcome?: "expired" | "selected" | "withdrawn" | null;
  option?: string | null;
  by?: string | null;
}

export interface InboxResult {
  approvals: InboxItem[];
}

export interface InboxTurnEnded {
  type: "turn_ended";
  session: SessionSummary;
  stop_reason: string;
}

/**
 * What another machine needs to join: the register token and the address under which the caller reached Main.
 *
 * `config` is its configs/node.toml. `commands` do the same in a clone of Switchyard there, but ask for the token.
 * `ca` (PEM) is there when Main's certificate comes from a CA of one's own; `config` has it as configs/main-ca.pem.
 */
export interface JoinInfo {
  register_token: string;
  main_server_url: string;
  config: string;
  commands?: string[];
  ca?: string | null;
}

/**
 * From output byte `start` on this reader answers what programs ask their terminal, or no longer does.
 *
 * One of the readers that may type leads: who typed last, while that one is there.
 */
export interface Lead {
  type: "lead";
  leads: boolean;
  from: number;
}

/** `link.sessions`, subscription of Main at a node: every session of the node, then changes. */
export interface LinkSessionsResult {
  sessions: SessionSummary[];
}

/** Everything up to `head` has been delivered; what follows is live. */
export interface Live {
  type: "live";
  head: number;
}

/** One signed-in device. `is_current` marks the caller's own. */
export interface Login {
  id: string;
  created: string;
  last_seen: string;
  address: string;
  user_agent: string;
  is_current: boolean;
}

export interface LoginBody {
  username: string;
  password: string;
}

export interface LoginRevokeParams {
  login: string;
}

/** One's own; owners may name another `user`. */
export interface LoginsListParams {
  user?: string | null;
}

export interface LoginsListResult {
  logins: Login[];
}

/** The person has looked at this session up to `seq`. */
export interface Mark {
  type: "mark";
  node: string;
  session: string;
  seq: number;
}

/** A mark never goes back. */
export interface MarkParams {
  node: string;
  session: string;
  seq: number;
}

/** A permission mode. `risk` is true when the agent then acts without asking. */
export interface Mode {
  id: string;
  name: string;
  description: string;
  risk: boolean;
  is_default: boolean;
}

export interface ModeChanged {
  type: "mode_changed";
  seq?: number;
  ts?: string;
  turn?: string | null;
  mode: string;
  by?: string | null;
}

/** `id` is what session.create takes; `efforts` is empty when the model has none. */
export interface Model {
  id: string;
  name: string;
  efforts: string[];
  is_default: boolean;
}

export interface ModelChanged {
  type: "model_changed";
  seq?: number;
  ts?: string;
  turn?: string | null;
  model?: string | null;
  effort?: string | null;
  by?: string | null;
}

/** The agent told (or changed) the id under which it resumes this session. */
export interface NativeIdKnown {
  type: "native_id_known";
  seq?: number;
  ts?: string;
  turn?: string | null;
  native_id: string;
}

/**
 * `rtt_ms` and `clock_offset_ms` (node minus Main) come from the last probe through the link.
 *
 * `role` is what the caller may do there, `protocol` the version that its link speaks. For owners only: `address` from
 * where it is linked, `problem` why Main cannot reach it.
 */
export interface Node {
  id: string;
  name: string;
  status: "offline" | "online";
  mode: "callback" | "dialed" | "direct";
  labels: Record<string, string>;
  capabilities: Capabilities;
  platform: string;
  version: string;
  connected_at: string | null;
  last_seen: string | null;
  rtt_ms: number | null;
  clock_offset_ms: number | null;
  is_local: boolean;
  home?: string | null;
  role?: "member" | "owner" | "viewer" | null;
  address?: string | null;
  protocol?: number | null;
  problem?: string | null;
}

export interface NodeChanged {
  type: "node";
  node: Node;
}

export interface NodeParams {
  node: string;
}

export interface NodeRemoved {
  type: "removed";
  id: string;
}

export interface NodeRenameParams {
  node: string;
  name: string;
}

export interface NodeResult {
  node: Node;
}

/** Filters, all of which must hold: `labels` by equality, `capability` a feature or the id of a provider. */
export interface NodesListParams {
  status?: "offline" | "online" | null;
  labels?: Record<string, string> | null;
  capability?: string | null;
}

export interface NodesListResult {
  nodes: Node[];
}

/** No parameters. */
export interface NodesParams {
}

/** Something worth telling that is none of the above: a retry, an event of a newer agent that is not known yet. */
export interface Notice {
  type: "notice";
  seq?: number;
  ts?: string;
  turn?: string | null;
  level: "error" | "info" | "warning";
  code: string;
  text: string;
}

/** All other logins of the user end. */
export interface PasswordChangeParams {
  current_password: string;
  new_password: string;
}

export interface PersonalResult {
  marks: Mark[];
  drafts: Draft[];
  settings: PersonalSetting[];
}

/** A setting of the page, as text that the page understands; None: its default. */
export interface PersonalSetting {
  type: "setting";
  name: string;
  value: string | null;
}

export interface PersonalSettingParams {
  name: string;
  value?: string | null;
}

/** The whole plan, replacing the one before. */
export interface Plan {
  type: "plan";
  seq?: number;
  ts?: string;
  turn?: string | null;
  entries: PlanEntry[];
}

export interface PlanEntry {
  content: string;
  status: "completed" | "in_progress" | "pending";
}

/** `link.probe`, Main to node. */
export interface ProbeParams {
}

/** `database_bytes` is what the node's database takes on its disk, 0 when that is not known. */
export interface ProbeResult {
  time: string;
  database_bytes?: number;
}

/** `sessions` counts those that are not archived; `last_used` is absent for one that never had a session. */
export interface Project {
  path: string;
  name: string;
  sessions: number;
  pinned: boolean;
  last_used: string | null;
  git_branch?: string | null;
}

export interface ProjectPinParams {
  node: string;
  path: string;
  pinned: boolean;
}

export interface ProjectsListParams {
  node: string;
}

export interface ProjectsListResult {
  projects: Project[];
}

export interface PromptDropped {
  type: "prompt_dropped";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  by: string;
}

export interface PromptEdited {
  type: "prompt_edited";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  text: string;
  by: string;
}

/** The prompt now stands before `before`, or last when that is absent. */
export interface PromptMoved {
  type: "prompt_moved";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  before?: string | null;
  by: string;
}

export interface PromptQueued {
  type: "prompt_queued";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  text: string;
  attachments: Attachment[];
  by: string;
}

/**
 * `reason` says why it is not available and how to mend it. `tag` is the two-letter mark of the page.
 *
 * `note` says what is reduced in the way that this agent is used here, and why.
 *
 * `modes` go from careful to permissive: a node's `policy.max_mode` allows a mode and those before it.
 * `features` is an open list: images, thinking, interrupt, resume, questions, plan, queue …
 */
export interface ProviderInfo {
  id: string;
  name: string;
  tag: string;
  available: boolean;
  reason?: string | null;
  note?: string | null;
  version?: string | null;
  models: Model[];
  modes: Mode[];
  commands: SlashCommand[];
  features: string[];
}

export interface ProvidersListParams {
  node: string;
}

export interface ProvidersListResult {
  providers: ProviderInfo[];
}

/** One question of an approval of kind `question`; answered by label(s) or free text under its `id`. */
export interface Question {
  id: string;
  question: string;
  header: string;
  options: QuestionChoice[];
  multiple: boolean;
  is_secret: boolean;
}

export interface QuestionChoice {
  label: string;
  description: string;
}

export interface QueueHeld {
  type: "queue_held";
  seq?: number;
  ts?: string;
  turn?: string | null;
  by: string;
}

export interface QueueReleased {
  type: "queue_released";
  seq?: number;
  ts?: string;
  turn?: string | null;
  by: string;
}

export interface QueuedPrompt {
  message_id: string;
  text: string;
  attachments: Attachment[];
  by: string;
}

export interface RegisterBody {
  username: string;
  password: string;
  setup_code?: string | null;
}

/** The reader's cursor is of another epoch or past the head: forget the view; events follow from 1. */
export interface Reset {
  type: "reset";
  epoch: string;
}

/**
 * The reader's window has room for so many characters.
 *
 * With `claim` the reader shows only sizes that it is told by `attached` and `resized`, its own as well. ``yes``: its
 * size shall count from here on, as if something was typed there; ``again``: it led before its line broke, and its
 * size shall count unless somebody has typed elsewhere since.
 */
export interface Resize {
  type: "resize";
  cols: number;
  rows: number;
  claim?: "again" | "no" | "yes" | null;
}

export interface Resized {
  type: "resized";
  cols: number;
  rows: number;
}

/**
 * The session went back to before the prompt `message_id`: it and what came after it count no more.
 *
 * `native_id` and `resume_at` are what the agent is resumed with next, None for from the start and at the end;
 * `files` were put back.
 */
export interface Rewound {
  type: "rewound";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  files: RewoundFile[];
  by: string;
  native_id?: string | null;
  resume_at?: string | null;
}

/** A file that going back puts back. Counts are lines that it then gains and loses, None when not known. */
export interface RewoundFile {
  path: string;
  insertions?: number | null;
  deletions?: number | null;
}

/** `answers` maps question ids to a label, a list of labels or free text; `message` goes to the agent with a no. */
export interface SessionAnswerParams {
  node: string;
  session: string;
  approval: string;
  option: string;
  updated_input?: Record<string, unknown> | null;
  answers?: Record<string, string | string[]> | null;
  message?: string | null;
}

export interface SessionAnswerResult {
  seq: number;
}

export interface SessionChanged {
  type: "session";
  session: SessionSummary;
}

/** `resume` continues a native session of that provider. */
export interface SessionCreateParams {
  node: string;
  path: string;
  provider: string;
  model?: string | null;
  effort?: string | null;
  mode?: string | null;
  title?: string | null;
  resume?: string | null;
}

/** `after`: ascending from there. `before`: the `limit` events before it, still ascending. Neither: from 1. */
export interface SessionEventsParams {
  node: string;
  session: string;
  after?: number | null;
  before?: number | null;
  limit?: number;
}

export interface SessionEventsResult {
  epoch: string;
  events: (SessionStarted | NativeIdKnown | PromptQueued | PromptEdited | PromptMoved | PromptDropped | QueueHeld | QueueReleased | UserMessage | TurnStarted | AgentMessage | AgentThought | ToolCall | ToolCallUpdate | Plan | ApprovalRequested | ApprovalResolved | ModeChanged | ModelChanged | TitleChanged | Archived | Usage | TurnEnded | Rewound | Notice)[];
  head: number;
}

/**
 * The journal as a document to keep: `markdown` for people, `json` (one event a line) for programs.
 *
 * `after` goes on where the last answer's `next_after` ended.
 */
export interface SessionExportParams {
  node: string;
  session: string;
  format?: "json" | "markdown";
  after?: number;
}

/** A part of the document, at most 4 MiB; `next_after` is absent in the last one. */
export interface SessionExportResult {
  name: string;
  content: string;
  next_after?: number | null;
}

/**
 * A new session that begins with this one's history: up to `seq`, or to before the prompt `before`; else all of it.
 *
 * `seq` counts to the end of the last turn at or before it.
 */
export interface SessionForkParams {
  node: string;
  session: string;
  seq?: number | null;
  before?: string | null;
  title?: string | null;
}

export interface SessionInterruptParams {
  node: string;
  session: string;
  hold_queue?: boolean;
}

/** `interrupted` is false when no turn ran. */
export interface SessionInterruptResult {
  interrupted: boolean;
}

/**
 * All nodes when `node` is absent. Archived ones only with `archived`; native ones unless `native` is false.
 *
 * session.list_watch tells of native ones never: they are asked for with session.list. What a cursor holds is in
 * ws.protocol.paging: Main hands the one it was given to every node.
 */
export interface SessionListParams {
  node?: string | null;
  path?: string | null;
  query?: string | null;
  archived?: boolean;
  native?: boolean;
  limit?: number;
  cursor?: string | null;
}

/** The most recently changed first. */
export interface SessionListResult {
  sessions: SessionSummary[];
  offline: string[];
  next_cursor?: string | null;
}

export interface SessionParams {
  node: string;
  session: string;
}

/** `message_id` is needed but for list and release; `text` for edit; `before` (absent: last) for move. */
export interface SessionQueueParams {
  node: string;
  session: string;
  action: "drop" | "edit" | "list" | "move" | "release";
  message_id?: string | null;
  text?: string | null;
  before?: string | null;
}

export interface SessionQueueResult {
  queue: QueuedPrompt[];
  held: boolean;
}

export interface SessionRemoved {
  type: "removed";
  node: string;
  id: string;
}

export interface SessionResult {
  session: SessionSummary;
}

/** Back to before the prompt `message_id`; `code` also puts the files back. `dry_run` only tells which. */
export interface SessionRewindParams {
  node: string;
  session: string;
  message_id: string;
  code?: boolean;
  dry_run?: boolean;
}

/** `files` were put back, or would be. */
export interface SessionRewindResult {
  session: SessionSummary;
  files: RewoundFile[];
}

/** While a turn runs the prompt waits for its end; `steer` gives it to the running turn where the agent can. */
export interface SessionSendParams {
  node: string;
  session: string;
  message_id: string;
  text: string;
  attachments?: Attachment[];
  delivery?: "queue" | "steer";
}

/** `seq` is the journal entry of the prompt; it is on disk when this answer is sent. */
export interface SessionSendResult {
  seq: number;
  state: "queued" | "running";
  duplicate: boolean;
}

export interface SessionStarted {
  type: "session_started";
  seq?: number;
  ts?: string;
  turn?: string | null;
  provider: string;
  path: string;
  model: string | null;
  mode: string | null;
  effort?: string | null;
  title?: string | null;
  native_id?: string | null;
  forked_from?: ForkPoint | null;
}

/** The fold of the journal up to `head`: the list fields and what a page needs beside the log itself. */
export interface SessionState {
  id: string;
  node: string;
  path: string;
  provider: string;
  title: string;
  status: "failed" | "idle" | "native" | "running" | "waiting";
  updated: string;
  unread: boolean;
  pending_approvals: number;
  model: string | null;
  mode: string | null;
  archived: boolean;
  native_id?: string | null;
  effort?: string | null;
  stale?: boolean;
  news?: number;
  branch?: string | null;
  turns?: number | null;
  is_running_elsewhere?: boolean;
  epoch: string;
  head: number;
  turn: Turn | null;
  plan: PlanEntry[];
  queue: QueuedPrompt[];
  queue_held: boolean;
  approvals: ApprovalRequested[];
  usage: Usage | null;
  error?: string | null;
  forked_from?: ForkPoint | null;
  resume_at?: string | null;
}

/** `task` is the id of a background task in `agent_state`. */
export interface SessionStopTaskParams {
  node: string;
  session: string;
  task: string;
}

/**
 * A session as lists show it. `stale` marks Main's cached row of an offline node.
 *
 * `news` is the `seq` of the last event that is worth coming back for (a turn that ended, an ask); `unread`: the
 * caller has not looked since. Status `native` is a session that the agent has by itself: `turns` counts its prompts,
 * `is_running_elsewhere` while somebody has it open in a terminal; its first prompt here makes it one of ours under
 * the same id.
 */
export interface SessionSummary {
  id: string;
  node: string;
  path: string;
  provider: string;
  title: string;
  status: "failed" | "idle" | "native" | "running" | "waiting";
  updated: string;
  unread: boolean;
  pending_approvals: number;
  model: string | null;
  mode: string | null;
  archived: boolean;
  native_id?: string | null;
  effort?: string | null;
  stale?: boolean;
  news?: number;
  branch?: string | null;
  turns?: number | null;
  is_running_elsewhere?: boolean;
}

export interface SessionUpdateParams {
  node: string;
  session: string;
  title?: string | null;
  model?: string | null;
  effort?: string | null;
  mode?: string | null;
  archived?: boolean | null;
}

/** `after` is the last `seq` the reader has, 0 for all. `epoch` is that of the reader's view, absent at first. */
export interface SessionWatchParams {
  node: string;
  session: string;
  after?: number;
  epoch?: string | null;
}

export interface SessionWatchResult {
  epoch: string;
  head: number;
}

export interface SignedIn {
  user: User;
  token: string;
}

/**
 * Bytes [start, to) are gone for this reader; the next binary byte is output byte `to`.
 *
 * `preamble` as in `Attached`.
 */
export interface Skipped {
  type: "skipped";
  from: number;
  to: number;
  preamble: string;
}

export interface SlashCommand {
  name: string;
  description: string;
}

/** Sent before a close, whose code (`CloseCode`) tells the kind. */
export interface StreamFault {
  type: "error";
  code: string;
  detail: string;
}

/** `link.stream`, Main to node: serve the stream of `key`; who dialled the link dials it too, within 5 s. */
export interface StreamParams {
  stream: string;
  key: string;
  kind: "terminal";
  caller: Caller;
  terminal: string;
  may_type: boolean;
  after?: number | null;
  carriage?: "framed" | "probed" | "raw";
}

/** The node accepts and is dialling; what it cannot serve it refuses with `not_found`, `invalid`, `forbidden`. */
export interface StreamResult {
}

/** `link.stream_revoke`: close that stream with 4401. */
export interface StreamRevokeParams {
  stream: string;
}

/** `code`/`signal` and `ended`, when that was, are set once it has ended. */
export interface Terminal {
  terminal: string;
  name: string;
  path: string;
  command: string[];
  cols: number;
  rows: number;
  running: boolean;
  created: string;
  readers: number;
  code?: number | null;
  signal?: string | null;
  ended?: string | null;
}

/** A terminal was opened, or is another: its name, its size, its readers, whether it runs. */
export interface TerminalChanged {
  type: "terminal";
  terminal: Terminal;
}

export interface TerminalListParams {
  node: string;
  path?: string | null;
}

export interface TerminalListResult {
  terminals: Terminal[];
}

/** `command` (argv) instead of the login shell. */
export interface TerminalOpenParams {
  node: string;
  path: string;
  cols: number;
  rows: number;
  shell?: string | null;
  command?: string[] | null;
  name?: string | null;
}

export interface TerminalOpenResult {
  terminal: string;
  name: string;
  cols: number;
  rows: number;
}

export interface TerminalParams {
  node: string;
  terminal: string;
}

/** It was closed, or had ended long ago. */
export interface TerminalRemoved {
  type: "removed";
  id: string;
}

export interface TerminalRenameParams {
  node: string;
  terminal: string;
  name: string;
}

export interface TerminalResult {
  terminal: Terminal;
}

/** `path`: only terminals that were opened in that folder. */
export interface TerminalWatchParams {
  node: string;
  path?: string | null;
}

/** Output of a tool as people read it. */
export interface TextContent {
  type: "text";
  text: string;
}

/** `by` is absent when the agent or the first prompt named the session. */
export interface TitleChanged {
  type: "title_changed";
  seq?: number;
  ts?: string;
  turn?: string | null;
  title: string;
  by?: string | null;
}

/** Without `expires_days` it lives until it is revoked. */
export interface TokenCreateParams {
  name: string;
  scopes: ("owner" | "read" | "terminal" | "write")[];
  nodes?: string[] | null;
  expires_days?: number | null;
}

/** `secret` is shown this once: Main keeps its hash. Send it as `Authorization: Bearer`. */
export interface TokenCreateResult {
  token: ApiToken;
  secret: string;
}

export interface TokenRevokeParams {
  token: string;
}

/** One's own; with `everybody` (owners) those of all users. */
export interface TokensListParams {
  everybody?: boolean;
}

export interface TokensListResult {
  tokens: ApiToken[];
}

/** `parent` is the tool call of the sub-agent that made this one. */
export interface ToolCall {
  type: "tool_call";
  seq?: number;
  ts?: string;
  turn?: string | null;
  tool_call_id: string;
  name: string;
  kind: "delete" | "edit" | "execute" | "fetch" | "move" | "other" | "read" | "search" | "think";
  title: string;
  input: Record<string, unknown>;
  parent?: string | null;
}

/** The last update of a call with status completed or failed closes it. `content` replaces earlier content. */
export interface ToolCallUpdate {
  type: "tool_call_update";
  seq?: number;
  ts?: string;
  turn?: string | null;
  tool_call_id: string;
  status: "completed" | "failed" | "in_progress";
  content: (TextContent | DiffContent | ImageContent)[];
}

/** A server of tools (MCP) that the agent uses; `problem` says why it is not connected. */
export interface ToolServer {
  name: string;
  status: "connected" | "disabled" | "failed" | "needs_sign_in" | "starting";
  problem?: string | null;
}

/** The running turn. */
export interface Turn {
  id: string;
  started: string;
  message_id?: string | null;
}

/**
 * The last event of its turn. `error` is one sentence with the remedy, set when `stop_reason` is error.
 *
 * `anchor` is the agent's own name for the point of its history after this turn, to fork from and to go back to.
 */
export interface TurnEnded {
  type: "turn_ended";
  seq?: number;
  ts?: string;
  turn?: string | null;
  stop_reason: "cancelled" | "end_turn" | "error" | "max_tokens" | "node_restarted" | "refusal";
  error?: string | null;
  anchor?: string | null;
}

/** A turn begins; from here to `turn_ended` every event of the agent carries its `turn`. */
export interface TurnStarted {
  type: "turn_started";
  seq?: number;
  ts?: string;
  turn?: string | null;
}

/**
 * `link.upload`. Main sends content and END; the node answers END with an Uploaded, or ERROR at any time.
 *
 * `if_match`: one of these etags must be that of the file, `*` any file. `is_new_only`: no file may be there. `size`
 * is what is announced, if it is known. One with `upload` is kept for a while when it breaks off, and goes on with
 * another that begins at `offset`, which must be what files.partial answers; 0 begins anew.
 */
export interface UploadParams {
  node: string;
  path?: string;
  path_bytes?: string | null;
  stream: string;
  key: string;
  caller: Caller;
  carriage?: "framed" | "probed" | "raw";
  if_match?: string[] | null;
  is_new_only?: boolean;
  size?: number | null;
  upload?: string | null;
  offset?: number;
}

/** The conditions hold so far, and there is room for what was announced. The content is put at `offset`. */
export interface UploadResult {
  offset?: number;
}

/** Running totals of the session; `context_*` in tokens. */
export interface Usage {
  type: "usage";
  seq?: number;
  ts?: string;
  turn?: string | null;
  input_tokens: number;
  output_tokens: number;
  cost_usd?: number | null;
  context_used?: number | null;
  context_size?: number | null;
}

export interface User {
  id: string;
  name: string;
  role: "member" | "owner" | "viewer";
}

/** Without `grants` the user sees no node until an owner shares one. */
export interface UserCreateParams {
  username: string;
  password: string;
  role?: "member" | "owner" | "viewer";
  grants?: Grant[];
}

/** Written when the turn of this prompt starts, right after `turn_started`; takes the prompt off the queue. */
export interface UserMessage {
  type: "user_message";
  seq?: number;
  ts?: string;
  turn?: string | null;
  message_id: string;
  text: string;
  attachments: Attachment[];
  by: string;
}

export interface UserParams {
  user: string;
}

/** A new password for somebody who forgot theirs; all their logins end, their API tokens stay. */
export interface UserSetPasswordParams {
  user: string;
  password: string;
}

/** What is absent stays. `grants` replaces them all. A change of role or grants ends the user's sockets. */
export interface UserUpdateParams {
  user: string;
  username?: string | null;
  role?: "member" | "owner" | "viewer" | null;
  grants?: Grant[] | null;
}

export interface UsersListResult {
  users: Account[];
}

/** Who answered an approval first, and with which option. */
export interface Winner {
  option: string;
  by: string;
}

/** Every operation that the page may call: its params, its result and, for a subscription, its events. */
export interface Ops {
  /** Every node that the caller may see. */
  "nodes.list": { params: NodesListParams; result: NodesListResult };
  /** The nodes, then each change. */
  "nodes.watch": { params: NodesListParams; result: NodesListResult; event: NodeChanged | NodeRemoved };
  /** Give a node another name. */
  "nodes.rename": { params: NodeRenameParams; result: NodeResult };
  /** Revoke a node's identity and close its link; its journals stay on it. */
  "nodes.remove": { params: NodeParams; result: Empty };
  /** What another machine needs to join. */
  "nodes.join": { params: NodesParams; result: JoinInfo };
  /** The agents of a node and what they can do. */
  "providers.list": { params: ProvidersListParams; result: ProvidersListResult };
  /** The projects of a node. */
  "projects.list": { params: ProjectsListParams; result: ProjectsListResult };
  /** Keep a folder in the list. */
  "projects.pin": { params: ProjectPinParams; result: Empty };
  /** One page of a directory. */
  "files.list": { params: FilesListParams; result: FilesListResult };
  /** What a path is. */
  "files.stat": { params: FileParams; result: FilesStatResult };
  /** The text of a file. */
  "files.read": { params: FileParams; result: FilesReadResult };
  /** Write a text file atomically. */
  "files.write": { params: FilesWriteParams; result: FilesWriteResult };
  /** How much has come of an upload that broke off, so that it goes on from there. */
  "files.partial": { params: FilesPartialParams; result: FilesPartialResult };
  /** Make a folder. */
  "files.mkdir": { params: FilesMakeParams; result: FilesPlaceResult };
  /** Move or rename a file or a folder. */
  "files.move": { params: FilesMoveParams; result: FilesPlaceResult };
  /** Copy a file or a folder. */
  "files.copy": { params: FilesMoveParams; result: FilesPlaceResult };
  /** Move to the trash, or delete for good. */
  "files.delete": { params: FilesDeleteParams; result: FilesDeleteResult };
  /** Bring back what files.delete moved to the trash. */
  "files.restore": { params: FilesRestoreParams; result: FilesPlaceResult };
  /** Files by name, as they are found; what Git ignores is left out. */
  "files.find": { params: FilesFindParams; result: FilesSearchResult; event: FilesFound | FilesSearchDone };
  /** Lines by content, as they are found; what Git ignores is left out. */
  "files.grep": { params: FilesGrepParams; result: FilesSearchResult; event: FilesMatched | FilesSearchDone };
  /** What changes in a folder. */
  "files.watch": { params: FilesWatchParams; result: FilesWatchResult; event: FilesChanged | FilesOverflow };
  /** State of the repository around a path. */
  "git.status": { params: GitStatusParams; result: GitStatusResult };
  /** Differences by file and hunk. */
  "git.diff": { params: GitDiffParams; result: GitDiffResult };
  /** Commits, newest first. */
  "git.log": { params: GitLogParams; result: GitLogResult };
  /** One commit and its differences. */
  "git.show": { params: GitShowParams; result: GitShowResult };
  /** Branches and remotes. */
  "git.branches": { params: GitStatusParams; result: GitBranchesResult };
  /** Progress of long acts, and when the state has changed. */
  "git.watch": { params: GitStatusParams; result: GitWatchResult; event: GitProgress | GitChanged };
  /** Switch to a branch, or make one and switch to it. */
  "git.checkout": { params: GitCheckoutParams; result: GitStatusResult };
  /** Make a branch. */
  "git.create_branch": { params: GitBranchParams; result: GitStatusResult };
  /** Delete a local branch. */
  "git.delete_branch": { params: GitDeleteBranchParams; result: GitStatusResult };
  /** Put changes into the index. */
  "git.stage": { params: GitFilesParams; result: GitStatusResult };
  /** Take changes out of the index. */
  "git.unstage": { params: GitFilesParams; result: GitStatusResult };
  /** Throw away changes of the worktree; files that Git does not know go to the trash. */
  "git.discard": { params: GitFilesParams; result: GitStatusResult };
  /** Commit what is staged; hooks run as Git runs them. */
  "git.commit": { params: GitCommitParams; result: GitStatusResult };
  /** Fetch from a remote. */
  "git.fetch": { params: GitFetchParams; result: GitStatusResult };
  /** Fetch and bring the branch up to its upstream. */
  "git.pull": { params: GitPullParams; result: GitStatusResult };
  /** Push the current branch. */
  "git.push": { params: GitPushParams; result: GitStatusResult };
  /** Give up the merge, rebase, cherry-pick or revert that stopped in between; the branch is as before it. */
  "git.abort": { params: GitStatusParams; result: GitStatusResult };
  /** End the long act that runs in this repository. */
  "git.cancel": { params: GitStatusParams; result: Empty };
  /** Start a shell or a program in a folder. */
  "terminal.open": { params: TerminalOpenParams; result: TerminalOpenResult };
  /** The terminals of a node. */
  "terminal.list": { params: TerminalListParams; result: TerminalListResult };
  /** The terminals of a node, and what becomes of them. */
  "terminal.watch": { params: TerminalWatchParams; result: TerminalListResult; event: TerminalChanged | TerminalRemoved };
  /** End a terminal's program and forget it. */
  "terminal.close": { params: TerminalParams; result: Empty };
  /** Give a terminal another name. */
  "terminal.rename": { params: TerminalRenameParams; result: TerminalResult };
  /** Run an ended terminal's program again, in the same terminal. */
  "terminal.restart": { params: TerminalParams; result: TerminalResult };
  /** Begin a session in a folder with an agent. */
  "session.create": { params: SessionCreateParams; result: SessionResult };
  /** Sessions of one node or of all; those of offline nodes from Main's cache. */
  "session.list": { params: SessionListParams; result: SessionListResult };
  /** The list, then each change. */
  "session.list_watch": { params: SessionListParams; result: SessionListResult; event: SessionChanged | SessionRemoved };
  /** The state of a session at its head. */
  "session.get": { params: SessionParams; result: SessionState };
  /** Change title, model, effort, mode or archive it. */
  "session.update": { params: SessionUpdateParams; result: SessionResult };
  /** Delete a session and its journal; the agent's own transcript stays. */
  "session.delete": { params: SessionParams; result: Empty };
  /** Send a prompt; it is in the journal when the answer comes. Sending a message_id again changes nothing. */
  "session.send": { params: SessionSendParams; result: SessionSendResult };
  /** List, edit, move, drop or release queued prompts. */
  "session.queue": { params: SessionQueueParams; result: SessionQueueResult };
  /** End the running turn. */
  "session.interrupt": { params: SessionInterruptParams; result: SessionInterruptResult };
  /** Answer an approval; the first answer wins. */
  "session.answer": { params: SessionAnswerParams; result: SessionAnswerResult };
  /** A page of the journal. */
  "session.events": { params: SessionEventsParams; result: SessionEventsResult };
  /** Every event after a cursor in order exactly once, then live ones. */
  "session.watch": { params: SessionWatchParams; result: SessionWatchResult; event: SessionStarted | NativeIdKnown | PromptQueued | PromptEdited | PromptMoved | PromptDropped | QueueHeld | QueueReleased | UserMessage | TurnStarted | AgentMessage | AgentThought | ToolCall | ToolCallUpdate | Plan | ApprovalRequested | ApprovalResolved | ModeChanged | ModelChanged | TitleChanged | Archived | Usage | TurnEnded | Rewound | Notice | Delta | AgentState | Live | Reset };
  /** Begin a new session from a point of this one. */
  "session.fork": { params: SessionForkParams; result: SessionResult };
  /** Go back to before a prompt; the files too, where the agent keeps what they were. */
  "session.rewind": { params: SessionRewindParams; result: SessionRewindResult };
  /** Stop something that the agent left running in the background. */
  "session.stop_task": { params: SessionStopTaskParams; result: Empty };
  /** The journal as a document to keep. */
  "session.export": { params: SessionExportParams; result: SessionExportResult };
  /** Pending approvals of all nodes, then changes and ended turns. */
  "inbox.watch": { params: NodesParams; result: InboxResult; event: InboxItem | InboxResolved | InboxTurnEnded };
  /** The caller's marks, drafts and settings, then each change, on whatever device it was made. */
  "my.watch": { params: NodesParams; result: PersonalResult; event: Mark | Draft | PersonalSetting };
  /** Note that the caller has looked at a session up to `seq`. */
  "my.mark": { params: MarkParams; result: Empty };
  /** Keep a text that was not sent yet. */
  "my.draft": { params: DraftParams; result: Empty };
  /** Keep a setting of the page. */
  "my.setting": { params: PersonalSettingParams; result: Empty };
  /** Signed-in devices. */
  "logins.list": { params: LoginsListParams; result: LoginsListResult };
  /** End one of the caller's logins and its sockets. */
  "logins.revoke": { params: LoginRevokeParams; result: Empty };
  /** Change one's own password; other logins end. */
  "users.change_password": { params: PasswordChangeParams; result: Empty };
  /** API tokens. */
  "tokens.list": { params: TokensListParams; result: TokensListResult };
  /** Make an API token; its secret is in the answer and nowhere else. */
  "tokens.create": { params: TokenCreateParams; result: TokenCreateResult };
  /** End an API token and the sockets it opened. */
  "tokens.revoke": { params: TokenRevokeParams; result: Empty };
  /** Everybody who may sign in. */
  "users.list": { params: NodesParams; result: UsersListResult };
  /** Add a user. */
  "users.create": { params: UserCreateParams; result: AccountResult };
  /** Change a user's name, role or grants. */
  "users.update": { params: UserUpdateParams; result: AccountResult };
  /** Give another user a new password; all their logins end. */
  "users.set_password": { params: UserSetPasswordParams; result: Empty };
  /** Remove a user with logins and tokens. */
  "users.remove": { params: UserParams; result: Empty };
  /** Who did what, newest first. */
  "audit.list": { params: AuditListParams; result: AuditListResult };
}

/** How long a call waits for its answer, in seconds. */
export const DEADLINE_S: { readonly [K in keyof Ops]: number } = {
  "nodes.list": 10,
  "nodes.watch": 10,
  "nodes.rename": 10,
  "nodes.remove": 10,
  "nodes.join": 10,
  "providers.list": 10,
  "projects.list": 10,
  "projects.pin": 10,
  "files.list": 10,
  "files.stat": 10,
  "files.read": 10,
  "files.write": 30,
  "files.partial": 15,
  "files.mkdir": 10,
  "files.move": 300,
  "files.copy": 300,
  "files.delete": 300,
  "files.restore": 300,
  "files.find": 10,
  "files.grep": 10,
  "files.watch": 10,
  "git.status": 30,
  "git.diff": 30,
  "git.log": 30,
  "git.show": 30,
  "git.branches": 30,
  "git.watch": 10,
  "git.checkout": 60,
  "git.create_branch": 10,
  "git.delete_branch": 10,
  "git.stage": 60,
  "git.unstage": 60,
  "git.discard": 60,
  "git.commit": 600,
  "git.fetch": 600,
  "git.pull": 600,
  "git.push": 600,
  "git.abort": 60,
  "git.cancel": 10,
  "terminal.open": 10,
  "terminal.list": 10,
  "terminal.watch": 10,
  "terminal.close": 10,
  "terminal.rename": 10,
  "terminal.restart": 10,
  "session.create": 60,
  "session.list": 10,
  "session.list_watch": 10,
  "session.get": 10,
  "session.update": 60,
  "session.delete": 10,
  "session.send": 10,
  "session.queue": 10,
  "session.interrupt": 10,
  "session.answer": 10,
  "session.events": 10,
  "session.watch": 10,
  "session.fork": 60,
  "session.rewind": 60,
  "session.stop_task": 10,
  "session.export": 30,
  "inbox.watch": 10,
  "my.watch": 10,
  "my.mark": 10,
  "my.draft": 10,
  "my.setting": 10,
  "logins.list": 10,
  "logins.revoke": 10,
  "users.change_password": 10,
  "tokens.list": 10,
  "tokens.create": 10,
  "tokens.revoke": 10,
  "users.list": 10,
  "users.create": 10,
  "users.update": 10,
  "users.set_password": 10,
  "users.remove": 10,
  "audit.list": 10,
};
