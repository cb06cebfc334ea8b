"""What is said when the disk is full, or cannot be written for another reason."""

import errno
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT}


def no_space(error: OSError, where: Path) -> str:
    """Tell in a sentence why nothing could be written.

    Args:
        error: What the system said.
        where: What was to be written.

    Example:
        >>> no_space(OSError(errno.ENOSPC, "No space left on device"), Path("/r/ledgers"))
        'The disk of /r/ledgers is full; make room and run again.'
    """
    if error.errno in FULL:
        return f"The disk of {where} is full; make room and run again."
    return f"{error.filename or where} cannot be written ({error.strerror or error})."
