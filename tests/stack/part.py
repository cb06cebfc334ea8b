"""A small service for tests: answers HTTP health checks, and misbehaves as its environment tells it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

settings = os.environ


def stop(*_: object) -> None:
    print("stopping", flush=True)
    if "STOP_TAKES" in settings:
        time.sleep(float(settings["STOP_TAKES"]))
    sys.exit(0)


signal.signal(signal.SIGTERM, signal.SIG_IGN if "IGNORE_TERM" in settings else stop)
print("hello from", settings.get("NAME", "part"), settings.get("WORD", ""), flush=True)
with Path("starts").open("a") as starts:
    starts.write("x")
runs = len(Path("starts").read_text())
if "CHILD" in settings:  # one that leaves the group of its parent, as a daemon would
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
if "FAIL_UNTIL" in settings and runs < int(settings["FAIL_UNTIL"]):
    sys.exit(int(settings.get("EXIT_CODE", "3")))
time.sleep(float(settings.get("READY_AFTER", "0")))
if "EXIT_CODE" in settings and "FAIL_UNTIL" not in settings:
    print("cannot go on:", settings.get("WHY", "no reason"), flush=True)
    sys.exit(int(settings["EXIT_CODE"]))
server = socket.create_server(("127.0.0.1", int(settings["PORT"])), reuse_port=False)
hoard = bytearray()
if "HOARD_MB" in settings:
    hoard = bytearray(os.urandom(1 << 20)) * int(settings["HOARD_MB"])
while True:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        sick = Path("sick").exists()
        status = "503 Sick" if sick else "200 OK"
        body = "feeling unwell" if sick else "fine"
        connection.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
