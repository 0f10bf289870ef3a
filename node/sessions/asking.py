"""What an agent raises, as whoever asked gets it."""

from collections.abc import Iterator
from contextlib import contextmanager

from providers.base import ProviderFailed
from ws.protocol.errors import ErrorCode, WireError


@contextmanager
def agent_asked() -> Iterator[None]:
    """Raises WireError for what is raised within."""
    try:
        yield
    except ProviderFailed as error:
        raise WireError(ErrorCode.PROVIDER_FAILED, str(error)) from error
    except TimeoutError as error:
        raise WireError(ErrorCode.TIMEOUT, "The agent did not react; try again.", retryable=True) from error
