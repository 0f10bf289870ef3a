"""Tests of whole programs, started as a person starts them."""
