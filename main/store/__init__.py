"""Main's database: one connection that writes, numbered migrations."""
