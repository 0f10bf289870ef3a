"""Tests of one unit each; the folders mirror the tree."""
