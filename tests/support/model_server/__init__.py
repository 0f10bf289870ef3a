"""A model that plays the prompt: what the real agent CLIs talk to in tests and demos."""

from tests.support.model_server.server import ModelServer, Request

__all__ = ["ModelServer", "Request"]
