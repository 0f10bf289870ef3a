"""Writers of generated documents."""
