"""PGDRO, DRO with probabilistic groups (Ghosal and Li 2023).

GDRO whose groups are soft: L_g = sum_i p_ig l_i / sum_i p_ig with the probabilities p of the
pseudo-labelling model.
"""

import torch

from fairser.methods import gdro

METHOD = {
    "title": "PGDRO",
    "description": "DRO with probabilistic groups (Ghosal and Li 2023).",
    "order": 5,
    "groups": "probabilities",
    "sampler": "balanced",
    "finetune": True,
    "colour": "#CC79A7",
    "fill": "top",
    "extends": "gdro",
}


class PGDRO(gdro.GDRO):
    def source_shares(self) -> torch.Tensor:
        if self.data.probabilities is None:
            raise ValueError("PGDRO needs a group source with probabilities, such as 'pseudo'")
        return self.data.probabilities.to(self.data.targets)
