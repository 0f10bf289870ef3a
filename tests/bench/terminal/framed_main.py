"""`main_server.py` on whose links every probe fails, so that the streams of its nodes go in frames.

That is what a proxy that reads frames leaves of them, less what such a proxy costs by itself.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import main_server
from main.relay import streams
from ws.protocol.base import Carriage
from ws.streams import ProbeFailedError, RawSocket, carried_at_main


async def _carried(raw: RawSocket, carriage: Carriage) -> RawSocket:
    if carriage == "probed":
        raw.abort()
        raise ProbeFailedError("this is a measurement")
    return await carried_at_main(raw, carriage)


if __name__ == "__main__":
    vars(streams)[carried_at_main.__name__] = _carried
    sys.exit(main_server.main())
