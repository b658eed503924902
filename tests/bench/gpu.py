"""What a GPU does with the encoders, with LoRA on frames and with a step of the speech LLM.

    PYTHONUNBUFFERED=1 python tests/bench/gpu.py [--only PART ...] [--output FILE] [--device auto]

Parts: ``lora-agrees`` and ``llm-agrees`` compare losses of tiny models on the GPU and on the CPU;
``lora`` trains adapters in WavLM Base+ on frames; ``llm`` takes steps of a model of Qwen2-Audio's
size, beside what llm_memory.py calculates for them; ``encoders`` extracts clips of 2.5 s with WavLM
Base+, ECAPA-TDNN and the age-gender model, and compares features with float32 on the CPU. All
weights are random. An error in a part is printed and the others go on; the exit status tells.
"""

import json
import platform
import tempfile
import time
import traceback
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from shared.measuring import Parser, Row, machine

from fairser.core.files import write_text
from fairser.core.provenance import versions
from fairser.pretrained import devices

PARTS = ("lora-agrees", "llm-agrees", "lora", "llm", "encoders")
SMALLEST = {"clips": 8, "steps": 1, "layers": 1, "rank": 2, "batch": 6, "micro": 1, "repeats": 1}


def parser() -> Parser:
    smallest = SMALLEST | {"seconds": [1], "text": 100}
    sizes = {"clips": 7442, "readers": 8, "steps": 10, "layers": 32, "rank": 16}
    sizes |= {"batch": 24, "micro": 4, "text": 120, "repeats": 2}
    made = Parser(__file__, __doc__, smallest, **sizes)
    made.add_argument("--seconds", type=int, nargs="+", default=[4, 30], help="of the LLM's clips")
    made.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run")
    made.add_argument("--device", default="auto")
    made.add_argument("--output", type=Path, help="JSON of all that is measured so far")
    return made


def run(name: str, options: Namespace, device: torch.device) -> list[Row]:
    """Rows of a part."""
    from shared import gpu_llm, gpu_speech  # slow to import

    part = {
        "lora-agrees": gpu_speech.lora_agrees,
        "llm-agrees": gpu_llm.llm_agrees,
        "lora": gpu_speech.lora,
        "llm": gpu_llm.llm,
        "encoders": gpu_speech.encoders,
    }[name]
    with tempfile.TemporaryDirectory() as folder:
        return part(options, device, Path(folder))


def describe(device: torch.device) -> dict[str, Any]:
    """Machine, device and versions."""
    found: dict[str, Any] = {"machine": machine(), "device": devices.describe(device)}
    found |= {"versions": versions(), "platform": platform.platform()}
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 1e9
        found |= {"memory, GB": round(memory, 1), "cuda": torch.version.cuda}
        found |= {"cudnn": torch.backends.cudnn.version()}
    return found


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    device = devices.choose(options.device)
    torch.set_num_threads(1)
    record = describe(device) | {"parts": {}}
    print(json.dumps(record, indent=1))
    rows: list[Row] = []
    failed = []
    for name in options.only:
        print(f"\n{name}", flush=True)
        start = time.monotonic()
        part: dict[str, Any] = {"rows": [], "error": None}
        try:
            part["rows"] = run(name, options, device)
        except Exception:  # the other parts go on
            part["error"] = traceback.format_exc()
            print(part["error"], flush=True)
            failed.append(name)
        part["seconds"] = round(time.monotonic() - start, 1)
        print(f"\n{name}: {part['seconds']} s", flush=True)
        rows += part["rows"]
        record["parts"][name] = part
        if options.output:
            write_text(options.output, json.dumps(record, indent=1) + "\n")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")
    return rows


if __name__ == "__main__":
    main()
