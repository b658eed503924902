"""The equalised-odds gap as a penalty (Han et al. 2024).

As Diff-EOpp, but the gaps over the clips that are not positive for a class are added.
"""

import torch

from fairser.methods import diff_eopp

METHOD = {
    "title": "Diff-EOdds",
    "description": "ERM with the equalised-odds gap as a penalty (Han et al. 2024).",
    "order": 28,
    "groups": "any",
    "finetune": True,
    "extends": "diff_eopp",
}


class DiffEOdds(diff_eopp.DiffEOpp):
    def conditions(self, positive: torch.Tensor) -> list[torch.Tensor]:
        return [positive.to(self.shares), (~positive).to(self.shares)]
