"""Tests of the wire's units."""
