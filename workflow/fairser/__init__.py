"""Fair speech emotion recognition without demographic labels: the science of the workflow.

The package knows nothing of Snakemake. Its modules follow the way of the data: corpora, splits,
audio, encoders, methods and training, metrics, statistics, tables; no import runs against it.

``fairser.audit`` audits the predictions of any classifier.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``audit``, whose libraries take seconds to import; ``__init__.pyi`` has its type."""
    # By name: an import statement would make the audit a part of the code of every result.
    if name == "audit":
        return import_module("fairser.auditing.frames").audit
    raise AttributeError(f"module 'fairser' has no attribute '{name}'")
