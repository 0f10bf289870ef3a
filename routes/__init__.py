"""The HTTP and socket faces of both roles, thin."""
