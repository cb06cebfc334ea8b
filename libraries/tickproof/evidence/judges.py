"""Which keywords judge the platform: only they make a test's verdict.

BuiltIn does not: `Should Be Equal    1    1` says something of the test's own values, and a run of such checks alone
proves nothing of a platform. RequestsLibrary does where the test says which status an answer must have, as it then
holds an answer of the platform against a claim; a bare `GET On Session` claims nothing.
"""

import re
from collections.abc import Sequence

from robot import running

SHOULD = re.compile(r"\bshould\b", re.IGNORECASE)
"""By the naming rule a keyword that judges says what should be."""

HTTP = "RequestsLibrary"
STATUS = re.compile(r"expected_status=(?!(any|anything|none|\$\{none\})$)", re.IGNORECASE)
"""An argument that says which status an answer must have."""


def judges(keyword: running.LibraryKeyword, args: Sequence[object], *, kit: str) -> bool:
    """Tell whether a keyword of a library judges the platform.

    Args:
        keyword: The keyword.
        args: Its arguments, as the log shows them.
        kit: The package whose keywords judge.
    """
    code = keyword.owner.code
    home = getattr(code, "__module__", None) or code.__name__
    says_should = bool(SHOULD.search(keyword.name or ""))
    if _inside(home, kit):
        return says_should
    if _inside(home, HTTP):
        return says_should or any(STATUS.match(str(arg)) for arg in args)
    return False


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
