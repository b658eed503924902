"""A model in a process of its own, which is started again after it hangs or dies."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Timer
from typing import Any

from fairser.core.errors import InputError
from fairser.core.jobs import THREADS
from fairser.model_tests.answering import Audio, Failures, Rows
from fairser.model_tests.models import ModelSpec

STRIKES = 3  # clips in a row at which a model hangs or dies before it is asked no more
SAID = 3  # last lines of a process in a message
WORKFLOW = str(Path(__file__).parents[2])
PROGRAM = (sys.executable, "-m", "fairser.model_tests.worker")


class ModelProcess:
    """A model that is asked in another process.

    Args:
        spec: the model.
        audio: what it is asked about.
        timeout: seconds that the model may take to load, and for each batch of clips.
        threads: of the process.
    """

    def __init__(self, spec: ModelSpec, audio: Audio, timeout: float, threads: int) -> None:
        self.spec, self.audio, self.timeout, self.threads = spec, audio, timeout, threads
        self.process: subprocess.Popen[str] | None = None
        self.said = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self.hung = False
        self.closed = False
        self.broken = False  # whether it hung or died at the clips that it was asked about last

    def ask(self, condition: str, clips: Sequence[str]) -> tuple[Rows, Failures]:
        """Values of the classes by clip, and why other clips have none.

        After a batch at which the process hangs or dies, its clips are asked one by one.

        Raises:
            InputError: the model can't be loaded.
        """
        rows: Rows = {}
        failures: Failures = {}
        size = 1 if self.broken else self.spec.batch
        strikes = STRIKES - 1 if self.broken else 0
        waiting = list(clips)
        while waiting:
            batch, waiting = waiting[:size], waiting[size:]
            try:
                answer = self._exchange({"condition": condition, "clips": batch})
            except _BrokenError as error:
                if self.closed:  # it did not break, but was ended
                    raise InputError("Interrupted.") from error
                if len(batch) > 1:
                    waiting, size = [*batch, *waiting], 1
                    continue
                failures[batch[0]] = str(error)
                strikes += 1
                if strikes >= STRIKES:
                    reason = f"not asked, since before, at {batch[0]}, {error}"
                    failures |= dict.fromkeys(waiting, reason)
                    self.broken = True
                    return rows, failures
            else:
                rows |= answer["rows"]
                failures |= answer["failures"]
                strikes, self.broken = 0, False
        return rows, failures

    def close(self) -> None:
        """End the process; nothing can be asked afterwards."""
        self.closed = True
        self._kill()
        self.said.close()

    def _exchange(self, question: dict[str, Any]) -> dict[str, Any]:
        if self.process is None:
            self._start()
        return self._send(question)

    def _start(self) -> None:
        if self.closed:
            raise InputError("Interrupted.")
        paths = [WORKFLOW, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        threads = dict.fromkeys(THREADS, str(self.threads))
        self.said.seek(0)
        self.said.truncate()
        self.process = subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
            text=True,
            encoding="utf-8",
            env={**os.environ, **threads, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # so that all it starts can be ended together
        )
        try:
            answer = self._send({"model": asdict(self.spec), "audio": asdict(self.audio)})
        except _BrokenError as error:
            raise InputError(f"{self.spec.name}: while the model was loaded, {error}.") from error
        if "error" in answer:
            self._kill()
            raise InputError(answer["error"])

    def _send(self, content: dict[str, Any]) -> dict[str, Any]:
        process = self.process
        if process is None or process.stdin is None or process.stdout is None:
            raise _BrokenError("its process is not there")
        self.hung = False
        watch = Timer(self.timeout, self._give_up)
        watch.daemon = True
        watch.start()
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(content) + "\n")
                process.stdin.flush()
            line = process.stdout.readline()
        finally:
            watch.cancel()
        if line.endswith("\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        if not self.hung:
            with suppress(subprocess.TimeoutExpired):  # its own exit status says more
                process.wait(1)
        self._kill()
        if self.hung:
            raise _BrokenError(f"the model gave no answer within {self.timeout:g} s")
        raise _BrokenError(f"the model's process {_ended(process.returncode)}{self._last_lines()}")

    def _give_up(self) -> None:
        self.hung = True
        self._kill_group()

    def _kill(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        self._kill_group(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _kill_group(self, process: subprocess.Popen[str] | None = None) -> None:
        found = process or self.process
        if found is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(found.pid, signal.SIGKILL)

    def _last_lines(self) -> str:
        if self.closed:
            return ""
        self.said.seek(0)
        lines = self.said.read().decode("utf-8", "replace").strip().splitlines()
        return f": {' / '.join(lines[-SAID:])}" if lines else ""


class _BrokenError(Exception):
    """The process hung or died."""


def _ended(status: int | None) -> str:
    """What happened to a process, by its exit status."""
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}"
    return f"ended with {status}"
