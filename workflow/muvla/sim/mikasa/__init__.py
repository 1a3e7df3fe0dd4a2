"""MIKASA-Robo's environments as gymnasium environments."""

from muvla import products  # noqa: F401  the suite computes with torch
