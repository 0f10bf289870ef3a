"""Claude Code, through the Claude Agent SDK."""
