"""Measurements: tables of ratios, never asserted."""
