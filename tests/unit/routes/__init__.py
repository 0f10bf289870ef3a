"""Tests of the HTTP faces, the parts without I/O."""
