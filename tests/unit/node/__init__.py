"""Tests of the Node's units."""
