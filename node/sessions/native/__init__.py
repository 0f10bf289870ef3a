"""The sessions that agents have by themselves: listed and read here, and taken over by their first prompt."""
