"""What real CLIs said, recorded with their version, and the events that it means."""
