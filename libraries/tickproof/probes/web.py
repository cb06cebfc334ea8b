"""What probes that speak HTTP have in common."""

import ipaddress
from urllib.parse import urlsplit

import requests

CONNECT_S, READ_S = 5.0, 60.0


def cause(error: BaseException, *, read_s: float = READ_S) -> str:
    """Say the innermost reason of a connection error in words.

    Args:
        error: What `requests` raised.
        read_s: Seconds that an answer was waited for.
    """
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_S:g} s"
    if isinstance(error, requests.ReadTimeout):
        return f"no answer within {read_s:g} s"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror.lower()
        inner = inner.__cause__ or inner.__context__
    return str(error)


def session_for(url: str) -> requests.Session:
    """Return a session; a proxy of the environment is not for this machine."""
    session = requests.Session()
    session.trust_env = not _is_here(url)
    return session


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
