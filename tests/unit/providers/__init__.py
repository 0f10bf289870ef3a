"""Tests of the agents' units."""
