"""What the operating system refuses, as one sentence and one code: the only place that maps errno to the wire."""

import errno

from ws.protocol.errors import ErrorCode, WireError, invalid

_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
_REFUSED = {errno.EACCES, errno.EPERM, errno.ETXTBSY}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def wire_error(error: OSError, path: str) -> WireError:
    """The refusal of `path`. An errno that nobody foresaw is returned as `conflict` with the system's own words."""
    if error.errno in _MISSING:
        return WireError(ErrorCode.NOT_FOUND, f"There is no {shown(path)} on this machine.")
    if error.errno == errno.ELOOP:
        return looping(path)
    if error.errno == errno.EROFS:
        return WireError(ErrorCode.FORBIDDEN, f"{shown(path)} lies on a file system that is mounted read-only.")
    if error.errno in _REFUSED:
        return WireError(
            ErrorCode.FORBIDDEN,
            f"The account that runs this node has no permission for {shown(path)}; change its mode.",
        )
    if error.errno in _FULL:
        return WireError(
            ErrorCode.CONFLICT,
            f"There is no room left for {shown(path)}: the disk or the quota is full. Free some space and try again;"
            " nothing was changed.",
        )
    if error.errno == errno.ENAMETOOLONG:
        return invalid("path", "A name in this path is longer than the file system allows.")
    return WireError(ErrorCode.CONFLICT, f"The system refuses {shown(path)}: {error.strerror or error}.")


def looping(path: str) -> WireError:
    """The refusal of a link that leads back to itself, or over more links than the system follows."""
    return WireError(
        ErrorCode.NOT_FOUND, f"{shown(path)} is a link that leads back to itself: delete it, or link it anew."
    )


def shown(path: str) -> str:
    """`path` for a sentence: line breaks and undecodable bytes are escaped, the middle of a long one left out."""
    text = path.encode("unicode_escape", "backslashreplace").decode("ascii") if not path.isprintable() else path
    return text if len(text) <= 200 else f"{text[:120]}…{text[-79:]}"
