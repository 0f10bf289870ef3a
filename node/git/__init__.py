"""Git, run as a guarded child process."""
