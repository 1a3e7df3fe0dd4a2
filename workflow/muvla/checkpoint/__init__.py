"""A folder of the released layout and the policy in it."""

from muvla.checkpoint.cells import load, load_to_train
from muvla.checkpoint.config_files import preprocessor
from muvla.checkpoint.flow import load_any
from muvla.checkpoint.stored import StoredPolicy, sha256
from muvla.checkpoint.tensors import CheckpointError
from muvla.checkpoint.write import save

__all__ = ["CheckpointError", "StoredPolicy", "load", "load_any", "load_to_train", "preprocessor", "save", "sha256"]
