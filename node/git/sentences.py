"""What Git, hooks and servers say when an act fails, and what we say instead: the cause and what to do."""

from collections.abc import Sequence

from ws.protocol.errors import ErrorCode

KNOWN: Sequence[tuple[str, ErrorCode, str]] = (
    # What a push is answered.
    (
        r"\((?:fetch first|non-fast-forward)\)|tip of your current branch is behind",
        ErrorCode.CONFLICT,
        "The remote branch has commits that are not here: pull first, then push again.",
    ),
    (
        r"\((?:stale info|remote ref updated since checkout)\)",
        ErrorCode.CONFLICT,
        "The remote branch is not where it was when it was last fetched: fetch and look at it before overwriting it.",
    ),
    (
        r"\((?:protected branch hook declined|pre-receive hook declined|hook declined)\)|GH006|protected branch",
        ErrorCode.FORBIDDEN,
        "The remote refused the push by its own rules, so push another branch: {remote}",
    ),
    (
        r"branch is currently checked out",
        ErrorCode.CONFLICT,
        (
            "The remote is a worktree that has this branch checked out: push another branch, or make the"
            " remote a bare one."
        ),
    ),
    (r"\[remote rejected\][^\n]*\((?P<why>[^)]*)\)", ErrorCode.CONFLICT, "The remote refused the push: {why}."),
    (r"\[rejected\][^\n]*\((?P<why>[^)]*)\)", ErrorCode.CONFLICT, "The push was refused: {why}."),
    # Who asks.
    (
        (
            r"could not read (?:Username|Password)|terminal prompts disabled|Authentication failed"
            r"|HTTP Basic: Access denied"
        ),
        ErrorCode.FORBIDDEN,
        (
            "The remote wants a user name and password, and this machine knows none that it takes: sign"
            " in there once (such as"
            " gh auth login, or git config --global credential.helper store and a fetch in a terminal),"
            " or use an ssh address."
        ),
    ),
    (
        r"Permission denied \(|Too many authentication failures|no mutual signature",
        ErrorCode.FORBIDDEN,
        (
            "The remote takes none of this machine's ssh keys: add its public key (~/.ssh/*.pub) there,"
            " or load it into the"
            " ssh agent that the node was started with."
        ),
    ),
    (
        r"Host key verification failed|REMOTE HOST IDENTIFICATION",
        ErrorCode.FORBIDDEN,
        (
            "The ssh key of the remote host is not known on this machine, or has changed: check it, then"
            " connect once in a"
            " terminal with ssh to accept it."
        ),
    ),
    (
        r"returned error: 40[13]|403 Forbidden",
        ErrorCode.FORBIDDEN,
        (
            "The remote knows this machine's sign-in, which may not do this: ask for access there, or sign in"
            " as somebody else."
        ),
    ),
    # Where it is.
    (
        r"Could not resolve host(?:name)?:? ?(?P<why>[\w.:-]*)|Name or service not known",
        ErrorCode.CONFLICT,
        "The remote's host {why} has no address here: check its name with git remote -v, and this machine's network.",
    ),
    (
        (
            r"Connection refused|Couldn't connect|Failed to connect|No route to host|Network is unreachable|timed out"
            r"|Connection reset|unexpected disconnect|early EOF|RPC failed|Connection closed"
        ),
        ErrorCode.CONFLICT,
        "The remote could not be reached or broke off: check the network and try again. Git says: {words}",
    ),
    (
        r"SSL certificate problem|server certificate verification failed|server verification failed",
        ErrorCode.FORBIDDEN,
        (
            "The remote's certificate is not trusted on this machine: put its CA into the machine's trust store, or set"
            " http.sslCAInfo in your own configuration (git config --global)."
        ),
    ),
    (
        r"couldn't find remote ref (?P<why>\S+)",
        ErrorCode.CONFLICT,
        "The remote has no branch {why} any more: push it again, or choose another upstream.",
    ),
    (
        (
            r"does not appear to be a git repository|Repository not found|repository '[^']*' not found"
            r"|no such repository"
            r"|does not exist or|The requested URL returned error: 404"
        ),
        ErrorCode.CONFLICT,
        "There is no repository at the remote's address, or this machine may not see it: check git remote -v.",
    ),
    (
        r"transport '(?P<why>[^']*)' not allowed",
        ErrorCode.FORBIDDEN,
        "A remote is reached by https, ssh or a path, not by {why}: change its address with git remote set-url.",
    ),
    # What a commit needs.
    (
        r"gpg failed to sign|failed to sign the data|error: Load key|No secret key|incorrect passphrase",
        ErrorCode.CONFLICT,
        (
            "The commit could not be signed, because nobody can be asked for a passphrase here: unlock"
            " the key in a terminal"
            " first, or turn commit.gpgSign off."
        ),
    ),
    (
        r"tell me who you are|empty ident name|auto-detection is disabled|unable to auto-detect",
        ErrorCode.CONFLICT,
        (
            "Git does not know who you are. Run on that machine: git config --global user.name 'Your Name' and"
            " git config --global user.email you@example.org"
        ),
    ),
    (
        r"nothing to commit|no changes added to commit|nothing added to commit",
        ErrorCode.CONFLICT,
        "Nothing is staged: stage the changes that shall be in the commit first.",
    ),
    (
        (
            r"unmerged files|needs merge|is unmerged|not concluded your merge|unresolved conflict"
            r"|resolve your current index"
        ),
        ErrorCode.CONFLICT,
        "Some files still have conflicts: edit them, stage them, and commit; or abort.",
    ),
    (r"You have nothing to amend", ErrorCode.CONFLICT, "There is no commit yet that could be amended."),
    # Branches.
    (
        r"would be overwritten|would lose untracked files|untracked working tree files",
        ErrorCode.CONFLICT,
        "Changes in the worktree are in the way, and nothing was done: commit, discard or move them first: {files}",
    ),
    (
        r"cannot (?:rebase|pull with rebase)|You have unstaged changes|index contains uncommitted changes",
        ErrorCode.CONFLICT,
        "The worktree has changes that are not committed: commit or discard them first.",
    ),
    (
        r"(?:already checked out|already used by worktree|checked out) at '(?P<why>[^']*)'",
        ErrorCode.CONFLICT,
        "The branch is checked out in another worktree, {why}: work there, or switch that one first.",
    ),
    (
        r"Not possible to fast-forward|Diverging branches",
        ErrorCode.CONFLICT,
        "Both this branch and its upstream have gone on: pull with merge or with rebase.",
    ),
    (
        r"refusing to merge unrelated histories",
        ErrorCode.CONFLICT,
        "The two branches have no commit in common, so they are not merged.",
    ),
    (
        r"cannot lock ref '[^']*': '[^']*' exists|cannot lock ref[^\n]*Not a directory",
        ErrorCode.CONFLICT,
        "A branch whose name is the beginning of this one (or the other way round) exists: choose another name.",
    ),
    (
        r"a branch named '[^']*' already exists",
        ErrorCode.CONFLICT,
        "There is a branch of that name already: switch to it, or choose another name.",
    ),
    (
        r"promisor|lazy fetching disabled",
        ErrorCode.CONFLICT,
        "This is a partial clone and lacks objects that are needed: run git fetch --refetch in a terminal.",
    ),
    # Files.
    (
        r"paths are ignored by one of your",
        ErrorCode.CONFLICT,
        "Git ignores one of these files (.gitignore): change that, or add it with git add --force in a terminal.",
    ),
    (
        r"pathspec '(?P<why>.*?)' did not match",
        ErrorCode.NOT_FOUND,
        "There is no change in {why}: ask for the status again.",
    ),
    (r"is beyond a symbolic link", ErrorCode.INVALID, "One of the files lies behind a link: name it by its real path."),
    (r"No space left on device", ErrorCode.CONFLICT, "The disk of that machine is full: make room and try again."),
    (
        r"Permission denied|Read-only file system",
        ErrorCode.FORBIDDEN,
        "The account of this node may not write there: {words}",
    ),
)
"""Patterns of what Git 2.31 to 2.47 and the common servers say, the first that matches counts; LC_ALL keeps it English.
"""
