"""Node: does the work on the machine that it runs on."""
