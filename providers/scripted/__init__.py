"""An agent played from a JSON conversation: demos without network or login, and tests of everything above it."""
