"""Python runs this before everything else: Snakemake and its jobs are handed over to the server.

See ``server.py``. Without its socket in the environment nothing happens. It imports as little as it
can: ``socket``, ``json`` and ``pathlib`` would take longer than all the rest of the process.
"""

import os
import sys

SOCKET = "FAIRSER_PRELOADED"


def is_known(words: list[str]) -> bool:
    """Whether a command line is Snakemake's or that of one of its Python scripts."""
    command = words[1:]
    return command[:2] == ["-m", "snakemake"] or any(
        word.endswith("/bin/snakemake") or "/.snakemake/scripts/" in word for word in command[:1]
    )


def hand_over(path: str, words: list[str]) -> None:
    """Have the server run this command in a process of its own, and end as it ends."""
    import _socket

    request = {"words": words, "cwd": os.getcwd(), "env": dict(os.environ)}  # noqa: PTH109
    files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(path)
    connection.sendmsg([b"x"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
    connection.sendall(ascii(request).encode() + b"\n")
    answer = b""
    while not answer.endswith(b"\n") and (part := connection.recv(64)):
        answer += part
    status = int(answer or b"1")
    if status < 0:
        import signal

        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


if SOCKET in os.environ and is_known(sys.orig_argv):
    hand_over(os.environ[SOCKET], sys.orig_argv)
