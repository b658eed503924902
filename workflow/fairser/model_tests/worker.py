"""The process in which a model runs: `python -m fairser.model_tests.worker`.

A model may hang, crash or print, which must not touch the rest. Lines of JSON come and go: first
the model and the audio, then a condition with names of clips at a time.
"""

import json
import os
import signal
import sys
import time
from threading import Thread
from typing import Any

from fairser.core.errors import InputError
from fairser.core.jobs import prepare_processes
from fairser.model_tests.answering import Answerer, Audio
from fairser.model_tests.models import ModelSpec

CHECK = 5  # seconds after which a process without a parent ends


def main() -> None:
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    # What a model prints goes to stderr; the answers keep the real stdout.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    start = json.loads(sys.stdin.readline())
    try:
        answerer = Answerer(_spec(start["model"]), _audio(start["audio"]))
    except InputError as error:
        say(error=str(error))
        return
    say(ready=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        rows, failures = answerer.answer(wanted["condition"], wanted["clips"])
        say(rows=rows, failures=failures)


def _end_with(parent: int) -> None:
    """End this process and all that it started when its parent is gone, though the model hangs."""
    while os.getppid() == parent:
        time.sleep(CHECK)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _spec(content: dict[str, Any]) -> ModelSpec:
    return ModelSpec(**{**content, "classes": tuple(content["classes"])})


def _audio(content: dict[str, Any]) -> Audio:
    clips = [(clip, file, speaker) for clip, file, speaker in content["clips"]]
    return Audio(**{**content, "clips": clips})


if __name__ == "__main__":
    prepare_processes()
    main()
