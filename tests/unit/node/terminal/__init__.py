"""Tests of the node's terminals."""
