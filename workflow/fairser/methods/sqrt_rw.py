"""Reweighting with the square root of the weights of RW: a clip's loss times sqrt(N_c / N_cg)."""

from fairser.methods import rw

METHOD = {
    "title": "Sqrt-RW",
    "description": "Reweighting with the square root of the weights.",
    "order": 26,
    "groups": "any",
    "finetune": True,
    "extends": "rw",
}


class SqrtRW(rw.RW):
    power = 0.5
