"""Everything that is derived from the table of operations: OpenAPI, TypeScript types, docs/PROTOCOL.md."""
