"""PGDRO, DRO with probabilistic groups (Ghosal and Li 2023).

GDRO whose groups are soft: L_g = sum_i p_ig l_i / sum_i p_ig with the probabilities p of the
pseudo-labelling model.
"""

from dataclasses import dataclass

import torch

from fairser.methods import gdro

METHOD = {
    "title": "PGDRO",
    "description": "DRO with probabilistic groups (Ghosal and Li 2023).",
    "order": 5,
    "groups": "probabilities",
    "finetune": True,
    "colour": "#CC79A7",
    "fill": "top",
    "extends": "gdro",
}


@dataclass(frozen=True)
class Options(gdro.Options):
    """The options of GDRO; ``class_attribute`` is how the method's original code has it."""


class PGDRO(gdro.GDRO):
    Options = Options

    def memberships(self) -> torch.Tensor:
        if self.data.probabilities is None:
            raise ValueError("PGDRO needs a group source with probabilities, such as 'pseudo'")
        return gdro.by_class(self.data.probabilities, self.data, self.options.groups)
