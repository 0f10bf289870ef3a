"""Agent sessions: the journal, and one actor for each live session."""
