"""Runs Snakemake and its Python scripts in forks of a process that has imported the libraries.

A test of the workflow starts dozens of processes, each of which would import torch, polars and
Snakemake anew: most of the time of these tests. A fork has imported them, and nothing of this
project. It has the command line, folder, environment and files of the process that it stands for
(``sitecustomize.py``), and ends as it would.

    python server.py SOCKET
"""

import ast
import atexit
import gc
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
import weakref
from contextlib import suppress
from importlib import import_module
from pathlib import Path

LIBRARIES = (
    *("snakemake.cli", "snakemake.script", "polars", "numpy", "scipy.stats", "torch"),
    *("safetensors.torch", "sklearn.cluster", "sklearn.metrics", "matplotlib.pyplot", "jinja2"),
    *("jsonschema", "yaml", "tqdm", "soundfile", "nbformat", "yte", "docutils.core", "requests"),
    *("smart_open", "snakemake_executor_plugin_slurm", "torch._dynamo"),
)


def serve(path: str) -> None:
    """Answer until the parent is gone. Returns in the processes that are to run something."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    print("ready", flush=True)
    parent = os.getppid()
    running: dict[socket.socket, tuple[int, int]] = {}  # process and its end by connection
    while os.getppid() == parent:
        ends = [ended for _, ended in running.values()]
        ready = select.select([listener, *running, *ends], [], [], 1)[0]
        for connection, (child, ended) in list(running.items()):
            if ended in ready or connection in ready:
                if ended not in ready:  # the process that it stands for was killed
                    os.kill(child, signal.SIGKILL)
                _, status = os.waitpid(child, 0)
                with suppress(OSError):
                    connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
                del running[connection]
                connection.close()
                os.close(ended)
        if listener in ready:
            connection, _ = listener.accept()
            _, files, _, _ = socket.recv_fds(connection, 1, 3)
            request = connection.makefile().readline()
            if request:
                child = os.fork()
                if child == 0:
                    for other in (listener, connection, *running):
                        other.close()
                    become(ast.literal_eval(request), files)
                    return
                running[connection] = child, os.pidfd_open(child)
            for file in files:
                os.close(file)


def become(request: dict, files: list[int]) -> None:
    """Take over files, folder, environment and command line of a process."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[1:1] = folders
    sys.orig_argv[:] = request["words"]


def run(words: list[str]) -> None:
    """What ``python WORDS`` runs."""
    if words[0] == "-m":
        sys.argv, sys.path[0] = [words[1], *words[2:]], str(Path.cwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = words, str(Path(words[0]).resolve().parent)
        runpy.run_path(words[0], run_name="__main__")


def ended(words: list[str]) -> int:
    """Run a command to its end, and give its exit status.

    The interpreter's own end would look at all that was imported, which takes about a second.
    """
    status: object = 0
    try:
        run(words)
    except SystemExit as error:
        status = error.code or 0
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    if not isinstance(status, int):
        print(status, file=sys.stderr)
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    return status


if __name__ == "__main__":
    for name in LIBRARIES:
        import_module(name)
    # What libraries would do at the end of each process takes 60 ms, and ends with it anyway.
    for one in list(weakref.finalize._registry):
        one.atexit = False
    gc.freeze()
    serve(sys.argv[1])
    os._exit(ended(sys.orig_argv[1:]))
