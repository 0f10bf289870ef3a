"""Tests of terminals that outlive the node that opened them."""
