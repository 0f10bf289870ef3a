"""The rows of the table of operations, a module a feature. `ws.protocol.ops` puts them together."""
