"""Tests of Main's units."""
