"""Files below the configured roots."""
