"""Claude Code through the official claude-agent-sdk (seen with SDK 0.2.186 and Claude Code 2.1.329).

`provider` is the entry and imports no SDK. The modules that do (`adapter`, `normalize`, `approvals`, `sdk_transport`)
are loaded with the first session, in a thread: the SDK costs 0.6 s and 40 MB.
"""
