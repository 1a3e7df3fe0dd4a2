"""A folder of the released layout and the policy in it."""

from muvla.checkpoint.load import load, load_to_train
from muvla.checkpoint.save import save, sha256
from muvla.checkpoint.tensors import CheckpointError, read_json

__all__ = ["CheckpointError", "load", "load_to_train", "read_json", "save", "sha256"]
