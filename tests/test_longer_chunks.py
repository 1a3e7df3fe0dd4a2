"""A policy that predicts more actions than the released ones: trained, written and read back."""

from pathlib import Path

import numpy as np

from muvla import checkpoint
from muvla.evaluate.policy import Policy
from muvla.train import __main__ as training
from paper_scale import configured, write_paper


def test_a_policy_of_longer_chunks_is_read_back_as_one(tmp_path: Path) -> None:
    """The release's heads have no length in their shapes: config.json says it (the sweep over chunk lengths)."""
    longer = ["scale.memory_training.chunk=16", "scale.memory_training.updates=1"]
    config = configured(write_paper(tmp_path), "m64_ema", "m64_ema", *longer)
    training.train(config)
    output = Path(config.output)
    assert checkpoint.load(output).architecture.chunk == 16
    assert (
        checkpoint.load_to_train(output, checkpoint.load(output).settings, cameras=2, proprio_dim=7).architecture.chunk
        == 8
    )
    images, proprio = np.zeros((1, 2, 16, 16, 3), np.uint8), np.zeros((1, 7), np.float32)
    first = np.array([True])
    assert Policy(output, slots=1).act(images, proprio, ["touch the cube"], first, first).shape == (1, 16, 7)
