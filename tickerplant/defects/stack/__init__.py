"""Declarations of the compose file, broken on purpose."""

import copy
from typing import Any

from tickerplant.defects.binding import BindingError
from tickerplant.defects.model import Around, Defect, Reached

Document = dict[str, Any]


def change(defect: Defect, document: Document, reached: Reached) -> Document:
    """Return a compose document with the declaration of one service broken.

    Args:
        defect: One of the stack's.
        document: The sound one; it stays as it is.
        reached: Told that the declaration is another one now.

    Raises:
        BindingError: There is no such service, or it is declared as the defect would have it already.
    """
    changed = copy.deepcopy(document)
    service = changed.get("services", {}).get(defect.part)
    if service is None:
        raise BindingError(f"The compose file has no service {defect.part} any more.")
    defect.wrap(service, Around(reached, changed))
    if changed == document:
        raise BindingError(f"{defect.id} changes nothing of the compose file.")
    reached()
    return changed
