"""Main: the only program that a browser talks to. Accounts, the registry of nodes, the relay."""
