"""The ops that Main answers itself, by feature."""
