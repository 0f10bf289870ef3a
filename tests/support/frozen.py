"""Programs of an earlier build, unpacked from tests/frozen."""

import tarfile
from pathlib import Path

FROZEN = Path(__file__).resolve().parents[1] / "frozen"


def unpack(version: int, folder: Path) -> Path:
    """The folder that holds main_server.py and app.py of the build that spoke this protocol version."""
    with tarfile.open(FROZEN / f"protocol-{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "switchyard"
