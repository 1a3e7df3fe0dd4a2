"""The policy: token layout, attention mask, vision towers, memory, one step (cell) and K of them (window)."""

from muvla import products  # noqa: F401  takes over torch's products
