"""The wire between page, Main and Node: protocol, calls, streams, dialling. Knows no business and no role."""
