"""Makes ``import torchaudio`` work with a CPU build of torch; import this module first.

The compiled extension of torchaudio 2.11 needs CUDA libraries. Without them its import fails, and
with it those of transformers, peft and speechbrain. The parts used here are pure Python, so a
substitute module says that the extension is not available.
"""

import sys
from types import ModuleType
from typing import Any

import torch


def _fail_if_no_align(function: Any) -> Any:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError(f"{function.__name__} needs torchaudio's compiled extension.")

    return fail


if torch.version.cuda is None and "torchaudio" not in sys.modules:
    extension: Any = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = _fail_if_no_align
    sys.modules["torchaudio._extension"] = extension
