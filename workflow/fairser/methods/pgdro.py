"""PGDRO, DRO with probabilistic groups (Ghosal and Li 2023).

GDRO whose groups are soft: L_g = sum_i p_ig l_i / sum_i p_ig with the probabilities p of the
pseudo-labelling model.
"""

from dataclasses import dataclass

import torch

from fairser.methods import gdro


@dataclass(frozen=True)
class Options(gdro.Options):
    """The options of GDRO; ``class_attribute`` is how the method's original code has it."""


class PGDRO(gdro.GDRO):
    Options = Options

    def group_shares(self) -> torch.Tensor:
        if self.data.probabilities is None:
            raise ValueError("PGDRO needs a group source with probabilities, such as 'pseudo'")
        return self.data.probabilities


METHOD = PGDRO
