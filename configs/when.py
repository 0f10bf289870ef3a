"""When to set a key, and what happens to those who need it and do not: for --help, the examples and README."""

WHEN = {
    "server.tls_cert": "people or nodes come over a network that you do not trust; `tls init` makes one and sets both",
    "server.host": "only a proxy on this machine, or nobody else, shall reach it: `127.0.0.1`",
    "server.public_url": "a proxy stands in front; without it signing in there is refused as from another origin",
    "server.allowed_hosts": "Main is called by a name that is not this machine's own; otherwise such calls are refused",
    "server.trusted_proxies": (
        "a proxy stands in front; otherwise all who come through it are one address in the audit log and in the limit"
        " on wrong passwords"
    ),
    "server.base_path": "a proxy serves other things beside it; it must pass on the path as it is",
    "database.path": "the data shall lie on another disk, or two of a kind run under one account",
    "auth.jwt_secret": "the database must not hold the key; another one signs everybody out",
    "main.node_register_tokens": "machines are set up by a program that must know the token beforehand",
    "main.node_addresses": "Main can reach those nodes and they cannot reach Main",
    "main.callback_hosts": "nodes register from behind an address translation; otherwise they are called in vain",
    "main.tls_ca": "those nodes serve TLS with a certificate that no public authority signed",
    "main.local_node": "false where nobody works on Main's machine, or its node runs under another account",
    "metrics.token": "Prometheus runs on another machine; programs on this one need none",
    "providers.acp.NAME.command": (
        "NAME is none of copilot, gemini, goose, opencode and qwen, or its program is not on the PATH; it must make the"
        " agent speak the Agent Client Protocol"
    ),
    "log.format": "a program reads the log",
    "log.file": "nothing keeps standard error; the file may be rotated, it is opened anew",
    "node.main_server_url": "the usual way, which needs no open port here; `make join` sets it",
    "node.main_register_url": "Main shall dial this node, whose address it does not know",
    "node.tls_ca": "Main's certificate comes from `tls init`, or another CA of your own; otherwise it is not believed",
    "node.id": "two machines have one hostname, or two nodes run on one",
    "node.register_token": "for the first contact; afterwards it may be taken out",
    "node.capabilities": "this machine is for some of them alone, such as files without terminals",
    "node.advertise_host": "Main must call another address than the one it sees",
    "node.advertise_port": "Main must call another port than the node's own",
    "filesystem.roots": "projects lie outside of the home folder",
    "terminal.keep": "terminals must end with the node",
    "policy.max_mode": "agents here must ask, whatever somebody chooses in the page",
    "policy.outbound_only": "nothing may listen on this machine; the node must dial Main",
    "policy.viewer_only": "the machine is for looking at",
}
"""By key; one sentence serves both roles where both have the key."""
