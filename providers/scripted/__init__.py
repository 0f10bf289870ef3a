"""An agent that plays a written conversation, for demonstrations and tests."""
