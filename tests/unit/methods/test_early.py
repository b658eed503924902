"""What starts from ERM: its model, and the logits of many clips."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from fairser.methods.early import AT_ONCE, all_logits, erm_model
from fairser.methods.head import Head
from unit.methods.builders import fold


class Mapped:
    """Features that are read batch by batch, of at most 3 rows."""

    at_once = 3

    def __init__(self, features: torch.Tensor) -> None:
        self.features, self.shape, self.sizes = features, features.shape, []

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(rows))
        return self.features[rows]


@pytest.mark.parametrize("count", [0, 1, 2 * AT_ONCE + 1])
def test_logits_in_parts_are_those_of_one_call(count: int) -> None:
    data = fold([0, 1] * (AT_ONCE + 1))
    rows = torch.arange(count).flip(0)
    model = Head(2, 4, 2)
    found = all_logits(model, data, rows)
    torch.testing.assert_close(found, model(data.features, rows).detach())
    assert not found.requires_grad


def test_features_that_are_read_batch_by_batch() -> None:
    data = fold([0, 1] * 4)
    mapped = Mapped(data.features)
    model = Head(2, 4, 2)
    found = all_logits(model, replace(data, features=mapped), data.train)
    torch.testing.assert_close(found, model(data.features, data.train).detach())
    assert mapped.sizes == [3, 3, 2]


def test_the_model_of_erm_is_trained_as_asked() -> None:
    asked = []

    def train(epochs: int | None) -> nn.Module:
        asked.append(epochs)
        return Head(2, 4, 2)

    data = replace(fold([0, 1]), train_erm=train)
    assert isinstance(erm_model(data, 5), Head)
    assert isinstance(erm_model(data), Head)
    assert asked == [5, None]
    with pytest.raises(ValueError, match="train_erm"):
        erm_model(fold([0, 1]))
