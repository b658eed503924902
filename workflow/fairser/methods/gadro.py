"""GADRO, group-adjusted DRO (Sagawa et al. 2020; Interspeech 2025, equation 3).

GDRO whose weights are updated with L_g + C / sqrt(n_g), n_g the group's clips in train: small
groups, whose loss is known less well, gain weight.
"""

from fairser.methods import gdro

METHOD = {
    "title": "GADRO",
    "description": "Group-adjusted DRO (Sagawa et al. 2020).",
    "order": 9,
    "groups": "any",
    "finetune": True,
    "summary": True,
    "colour": "#D55E00",
    "fill": "right",
    "extends": "gdro",
    "settings": {
        "adjustment": {
            "type": "number",
            "minimum": 0,
            "default": 4.0,
            "description": "C of the adjustment C / sqrt(n_g) (Interspeech 2025, section 3.2).",
        },
    },
}


class GADRO(gdro.GDRO):
    """GDRO with the adjustment of the settings."""
