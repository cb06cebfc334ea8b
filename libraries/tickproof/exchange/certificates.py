"""A private certificate authority, made once a state folder, and the server's certificate by it."""

import ssl
import subprocess
import sys
from pathlib import Path

HOSTS = ("127.0.0.1", "localhost", "::1")
AUTHORITY = "ca.pem"
SERVER = "server.pem"


def begin(folder: Path) -> subprocess.Popen[bytes] | None:
    """Begin to make what the folder lacks; wait for it before `server_context`.

    It happens in a process of its own, beside the start of this one: the library for it would stay in our memory.
    """
    if (folder / AUTHORITY).exists() and (folder / SERVER).exists():
        return None
    return subprocess.Popen([sys.executable, "-m", __name__, str(folder)])


def server_context(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the TLS side of a server on this machine, and the file that a client has to trust."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / SERVER)
    return context, folder / AUTHORITY


def make(folder: Path) -> None:
    """Make an authority and the server's certificate."""
    import trustme  # noqa: PLC0415  # see `begin`

    ca = trustme.CA(organization_name="Tickproof simulated exchange")
    server = folder / SERVER
    server.touch(mode=0o600)
    server.write_bytes(ca.issue_cert(*HOSTS).private_key_and_cert_chain_pem.bytes())
    ca.cert_pem.write_to_path(str(folder / AUTHORITY))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
