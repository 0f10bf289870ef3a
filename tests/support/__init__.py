"""Counterparts and fixtures that several suites use."""
