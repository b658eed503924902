"""ERM and MinMaxGAP on the tiny model and on speech with a gap by construction."""

from pathlib import Path

import pytest

from fairser.corpora.demo_meldst import make_demo_meldst
from fairser.corpora.meldst import EMOTIONS, read_meldst
from fairser.llm.adapters import LoraOptions, add_adapters
from fairser.llm.clips import Clips
from fairser.llm.loading import load_model, load_processor
from fairser.llm.model import SpeechLLM
from fairser.llm.prompts import Prompts
from fairser.llm.tiny import write_tiny_model
from fairser.llm.training import ERM, Plan, Trainer, TrainingOptions
from fairser.methods import loss_gap
from fairser.training.checkpoints import Checkpoint

LANGUAGES = ["eng", "deu"]
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LETTERS = dict(zip(EMOTIONS, "ADFJNSU", strict=True))
PROMPTS = Prompts({"eng": "?", "deu": "?"}, {"eng": LETTERS, "deu": LETTERS})


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clips]:
    """In the demo corpus, German women express emotions weakly."""
    folder = tmp_path_factory.mktemp("corpus")
    make_demo_meldst(folder, {"train": 2, "valid": 1, "test": 1})
    table = read_meldst(folder, folder / "audio", folder / "speakers.tsv", LANGUAGES)
    return {s: Clips(table, LANGUAGES, s, folder / "audio", 2) for s in ("train", "development")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


def trained(folder: Path, clips: dict[str, Clips], gap: loss_gap.Options) -> Trainer:
    model = load_model(folder, "float32", device="cpu")
    add_adapters(model, LoraOptions(modules=LAYERS), 0, checkpointing=False)
    llm = SpeechLLM(model, load_processor(folder), PROMPTS, LANGUAGES)
    options = TrainingOptions(rounds=5, batch_size=16, micro_batch=16, learning_rate=5e-3)
    plan = Plan(options, gap, 0, "here")
    trainer = Trainer(llm, clips["train"], clips["development"], plan)
    trainer.fit(Checkpoint())
    return trainer


def test_erm_learns_and_minmaxgap_closes_its_gap(folder: Path, clips: dict[str, Clips]) -> None:
    erm = trained(folder, clips, ERM).frame()
    fair = trained(folder, clips, loss_gap.Options.of(p=1, lambda_0=1.0, eta=4.0)).frame()
    assert erm["train_loss"].is_sorted(descending=True)
    assert erm["train_loss"][-1] < 0.6 * erm["train_loss"][0]
    assert erm["w_f1"][-1] > 50  # chance is 14
    assert erm["gap_deu"][-1] > 0.15  # the gap of the demo corpus
    assert fair["train_loss"][-1] < fair["train_loss"][0]
    assert fair["development_gap"][-1] < 0.5 * erm["development_gap"][-1]
