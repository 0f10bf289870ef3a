"""The machinery behind config.py, and the generated examples. Only config.py imports from here."""
