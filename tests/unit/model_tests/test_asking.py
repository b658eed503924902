"""A model that hangs, dies or prints is told apart from its answers."""

import json
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from fairser.core.errors import InputError
from fairser.model_tests import asking
from fairser.model_tests.answering import Audio
from fairser.model_tests.asking import ModelProcess
from fairser.model_tests.models import FUNCTION, ModelSpec

# Answers as the worker does, and does what the name of a clip says. It notes each start.
WORKER = """
import json, os, subprocess, sys, time
start = json.loads(sys.stdin.readline())
open(FOLDER + "/starts", "a").write("x")
target = start["model"]["target"]
if target == "hang": time.sleep(60)
if target == "die": print("no such file", file=sys.stderr); os._exit(4)
if target == "refuse": print(json.dumps({"error": "no model"}), flush=True); sys.exit()
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    clips = json.loads(line)["clips"]
    open(FOLDER + "/asked", "a").write(json.dumps(clips) + "\\n")
    if "hang" in str(clips):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open(FOLDER + "/child", "w").write(str(child.pid))
        time.sleep(60)
    if "die" in str(clips):
        print("out of luck", file=sys.stderr); sys.stderr.flush(); os._exit(3)
    if "kill" in str(clips): os.kill(os.getpid(), 9)
    bad = {clip: "no good" for clip in clips if clip.startswith("bad")}
    rows = {clip: [0.25, 0.75] for clip in clips if clip not in bad}
    print(json.dumps({"rows": rows, "failures": bad}), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    code = f"FOLDER = {str(tmp_path)!r}\n{WORKER}"
    monkeypatch.setattr(asking, "PROGRAM", (sys.executable, "-S", "-c", code))
    return tmp_path


def process_of(target: str = "good", timeout: float = 20.0) -> ModelProcess:
    spec = ModelSpec(FUNCTION, target, target, ("a", "b"))
    return ModelProcess(spec, Audio("audio", [("c", "c.wav", None)]), timeout, 1)


def asked(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "asked").read_text().splitlines()]


def test_answers_come_in_batches_from_one_process(folder: Path) -> None:
    process = process_of()
    clips = [f"c{number}" for number in range(40)] + ["bad"]
    rows, failures = process.ask("clean", clips)
    process.close()
    assert rows == {clip: [0.25, 0.75] for clip in clips[:-1]}
    assert failures == {"bad": "no good"}
    assert [len(batch) for batch in asked(folder)] == [16, 16, 9]
    assert (folder / "starts").read_text() == "x"


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        ("die", "the model's process ended with 3: out of luck"),
        ("kill", "the model's process was ended by SIGKILL"),
    ],
)
def test_a_model_that_dies_costs_one_clip(folder: Path, clip: str, message: str) -> None:
    process = process_of()
    rows, failures = process.ask("gain", ["c1", clip, "c2"])
    process.close()
    assert failures == {clip: message}
    assert [*rows] == ["c1", "c2"]
    assert asked(folder) == [["c1", clip, "c2"], ["c1"], [clip], ["c2"]]


def test_a_model_that_hangs_is_ended_with_all_that_it_started(folder: Path) -> None:
    process = process_of(timeout=1.5)
    rows, failures = process.ask("gain", ["hang", "c2"])
    process.close()
    assert failures == {"hang": "the model gave no answer within 1.5 s"}
    assert [*rows] == ["c2"]
    child = Path("/proc", (folder / "child").read_text(), "stat")
    assert not child.exists() or child.read_text().split()[2] == "Z"


def test_a_model_that_always_dies_is_soon_given_up(folder: Path) -> None:
    process = process_of()
    clips = [f"die{number}" for number in range(50)]
    rows, failures = process.ask("gain", clips)
    assert not rows
    assert [*failures] == clips
    assert failures["die49"].startswith("not asked, since before, at die2, the model's process")
    starts = len((folder / "starts").read_text())
    assert starts == 1 + asking.STRIKES
    # The next condition is tried with one clip.
    process.ask("clipping", clips)
    assert len((folder / "starts").read_text()) == starts + 1
    rows, failures = process.ask("highpass", ["c1", "c2"])
    assert len(rows) == 2
    rows, failures = process.ask("lowpass", ["c1", "c2"])
    process.close()
    assert asked(folder)[-3:] == [["c1"], ["c2"], ["c1", "c2"]]


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("refuse", "no model"),
        ("die", "while the model was loaded, the model's process ended with 4: no such file"),
        ("hang", "while the model was loaded, the model gave no answer within 1 s"),
    ],
)
def test_a_model_that_is_not_loaded_ends_the_test(folder: Path, target: str, message: str) -> None:
    process = process_of(target, 1.0 if target == "hang" else 20.0)
    with pytest.raises(InputError) as error:
        process.ask("clean", ["c1"])
    process.close()
    assert message in str(error.value)


def test_what_is_interrupted_is_no_failure_of_the_model(folder: Path) -> None:
    process, found = process_of(timeout=30), []

    def ask() -> None:
        try:
            process.ask("gain", ["hang"])
        except InputError as error:
            found.append(str(error))

    thread = Thread(target=ask)
    thread.start()
    while not (folder / "child").exists():
        time.sleep(0.02)
    process.close()
    thread.join(10)
    assert found == ["Interrupted."]
