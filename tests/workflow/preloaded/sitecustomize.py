"""Python runs this before everything else: Snakemake and its jobs are handed over to the server.

See ``server.py``. Without its socket in the environment nothing happens.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

SOCKET = "FAIRSER_PRELOADED"


def is_known(words: list[str]) -> bool:
    """Whether a command line is Snakemake's or that of one of its Python scripts."""
    command = words[1:]
    return command[:2] == ["-m", "snakemake"] or any(
        word.endswith("/bin/snakemake") or "/.snakemake/scripts/" in word for word in command[:1]
    )


def hand_over(path: str, words: list[str]) -> None:
    """Have the server run this command in a process of its own, and end as it ends."""
    request = {"words": words, "cwd": str(Path.cwd()), "env": dict(os.environ)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b"x"], [0, 1, 2])
        connection.sendall(json.dumps(request).encode() + b"\n")
        status = int(connection.makefile().readline() or "1")
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if SOCKET in os.environ and is_known(sys.orig_argv):
    hand_over(os.environ[SOCKET], sys.orig_argv)
