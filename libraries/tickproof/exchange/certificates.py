"""A private certificate authority, made once a state folder, and the server's certificate by it."""

import ssl
from pathlib import Path

HOSTS = ("127.0.0.1", "localhost", "::1")


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS side of a server on this machine, and the file that a client has to trust.

    Args:
        folder: where `ca.pem` and `server.pem` are kept, or made if they are not there.
    """
    authority, server = folder / "ca.pem", folder / "server.pem"
    if not (authority.exists() and server.exists()):
        _make(authority, server)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(server)
    return context, authority


def _make(authority: Path, server: Path) -> None:
    import trustme  # noqa: PLC0415  # 60 ms and 10 MB that only the first start needs

    ca = trustme.CA(organization_name="Tickproof simulated exchange")
    certificate = ca.issue_cert(*HOSTS)
    pem = certificate.private_key_and_cert_chain_pem.bytes()
    server.touch(mode=0o600)
    server.write_bytes(pem)
    ca.cert_pem.write_to_path(str(authority))
