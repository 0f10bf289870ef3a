"""Main with many nodes and many pages: ``python -m tests.bench.scale``."""
