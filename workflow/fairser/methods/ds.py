"""DS, downsampling (Kamiran and Calders 2012; Interspeech 2025, section 3.2).

Each class keeps m_c random clips of every group that has any, m_c the size of the smallest of
these groups; clips of unknown group are left out. Training then is ERM.
"""

import torch

from fairser.methods.erm import ERM
from fairser.methods.group_labels import cell_counts, group_labels

METHOD = {
    "title": "DS",
    "description": "Downsampling (Kamiran and Calders 2012).",
    "order": 6,
    "groups": "any",
    "finetune": True,
    "summary": True,
    "colour": "#E69F00",
}


class DS(ERM):
    def select(self, train: torch.Tensor) -> torch.Tensor:
        counts = cell_counts(self.data, train)
        groups, majority = group_labels(self.data)[train], self.data.majority[train]
        kept = []
        for label, sizes in enumerate(counts):
            for group in sizes.nonzero().flatten().tolist():
                clips = train[(majority == label) & (groups == group)]
                order = torch.randperm(len(clips), generator=self.generator)
                kept.append(clips[order[: int(sizes[sizes > 0].min())]])
        return torch.cat(kept).sort().values if kept else train[:0]
