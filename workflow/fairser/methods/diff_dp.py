"""The demographic-parity gap as a penalty (Han et al. 2024).

As Diff-EOpp, but over all clips of a group, whatever their classes.
"""

import torch

from fairser.methods import diff_eopp

METHOD = {
    "title": "Diff-DP",
    "description": "ERM with the demographic-parity gap as a penalty (Han et al. 2024).",
    "order": 29,
    "groups": "any",
    "finetune": True,
    "extends": "diff_eopp",
}


class DiffDP(diff_eopp.DiffEOpp):
    def conditions(self, positive: torch.Tensor) -> list[torch.Tensor]:
        return [torch.ones_like(positive).to(self.shares)]
