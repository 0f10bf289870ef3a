"""Terminals that outlive everything but their program."""
