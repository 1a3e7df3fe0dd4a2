"""Everything that lies in a checkpoint folder of the released layout (spec 4.6, 12), each file read and checked once.

    model-*.safetensors + model.safetensors.index.json   vision towers, projector, language model (bf16)
    action_head--N_checkpoint.pt  proprio_projector--N_checkpoint.pt  memory_module--N_checkpoint.pt
    config.json  preprocessor_config.json  dataset_statistics.json  memory_meta.json  tokenizer.json  provenance.json

Reading never writes into the folder and never runs code from it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from pathlib import Path

from muvla.checkpoint.config_files import CONFIG, MEMORY_META, parse_architecture, parse_memory
from muvla.checkpoint.names import PARTS, our_name
from muvla.checkpoint.tensors import (
    ADAPTER_CONFIG,
    CheckpointError,
    Stored,
    adapters_only,
    component_file,
    foreign_components,
    read_component,
    read_json,
    read_shards,
)
from muvla.data.images import Preprocessing, parse_preprocessing
from muvla.data.statistics import STATISTICS_FILE, Body, Statistics, parse_statistics, read_entries, statistics_for
from muvla.data.text import TOKENIZER_FILE, Tokenizer
from muvla.files import Json
from muvla.model.architecture import Architecture, MemorySettings

PREPROCESSOR = "preprocessor_config.json"
PROVENANCE = "provenance.json"
# what a checkpoint that is trained from this one takes over unchanged
COPIED = (
    TOKENIZER_FILE,
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
)


class StoredPolicy:
    """A checkpoint folder. Each part is read when it is first wanted and kept; a base may lack some of them.

    Every part raises CheckpointError, ValueError or FileNotFoundError naming the file that is missing or wrong.
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises CheckpointError for what is not a checkpoint folder."""
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise CheckpointError(f"{folder} is not a checkpoint folder: there is no such folder, download it first")
        if not (self.folder / CONFIG).is_file():
            if (self.folder / ADAPTER_CONFIG).is_file():
                raise CheckpointError(adapters_only(self.folder))
            raise CheckpointError(f"{folder} is not a checkpoint folder: it has no {CONFIG}")
        if foreign := foreign_components(self.folder):
            raise CheckpointError(
                f"{foreign[0]} belongs to a policy that this program does not have (a fine-tuned or FiLM-conditioned "
                "vision backbone, a diffusion head, ...): without it the actions would be another policy's"
            )

    @cached_property
    def config(self) -> Json:
        """The content of config.json."""
        return read_json(self.folder / CONFIG)

    @property
    def flow(self) -> Json | None:
        """The sizes of a flow-matching policy's action expert (flow.py); None for any other policy."""
        found: Json | None = self.config.get("flow")
        return found

    @cached_property
    def shards(self) -> dict[str, Stored]:
        """Tensors of towers, projector and language model under their released names; mapped, not read."""
        return read_shards(self.folder)

    @cached_property
    def components(self) -> dict[str, dict[str, Stored] | None]:
        """Tensors of action_head, proprio_projector and memory_module; None where the folder has none."""
        return {name: read_component(self.folder, name) for name in PARTS.values()}

    @property
    def tensors(self) -> dict[str, Stored]:
        """All tensors under our names."""
        parts = {
            f"{part}.{key}": stored
            for part, component in PARTS.items()
            for key, stored in (self.components[component] or {}).items()
        }
        return {our_name(name): stored for name, stored in self.shards.items()} | parts

    @cached_property
    def architecture(self) -> Architecture:
        """Sizes. A base without proprio projector gets MIKASA-Robo's width."""
        return parse_architecture(self.config, self.folder / CONFIG, self.components["proprio_projector"])

    @cached_property
    def memory(self) -> MemorySettings:
        """Memory settings, checked against the memory's tensor."""
        file = self.folder / MEMORY_META
        content = read_json(file) if file.is_file() else None
        return parse_memory(content, file, self.components["memory_module"])

    @cached_property
    def preprocessor(self) -> Json:
        """The content of preprocessor_config.json."""
        return read_json(self.folder / PREPROCESSOR)

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How pictures are treated before the towers."""
        return parse_preprocessing(self.preprocessor, self.folder / PREPROCESSOR)

    @cached_property
    def statistics(self) -> Body:
        """The content of dataset_statistics.json: statistics by data set, or one joint entry."""
        return read_entries(self.folder)

    def normalisation(self, environment: str | None = None) -> Statistics:
        """Choose the bounds of actions and proprio; `environment` decides only where there is no joint entry."""
        file = self.folder / STATISTICS_FILE
        if environment is None:
            return parse_statistics(self.statistics, file=file)
        return statistics_for(self.statistics, environment, file)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self.folder)

    @property
    def copied(self) -> list[Path]:
        """Files that a checkpoint trained from this one takes over unchanged."""
        return [self.folder / name for name in COPIED if (self.folder / name).is_file()]

    @cached_property
    def provenance(self) -> Json | None:
        """The content of provenance.json; None for folders that we did not write."""
        file = self.folder / PROVENANCE
        return read_json(file) if file.is_file() else None

    @cached_property
    def step(self) -> int | None:
        """How many updates made the checkpoint, by the name of its action head; None when the name does not say."""
        if self.flow is not None:
            return self.flow.get("step")
        file = component_file(self.folder, "action_head")
        found = re.fullmatch(r"action_head--(\d+)_checkpoint", file.stem) if file else None
        return int(found[1]) if found else None

    @cached_property
    def sha256(self) -> str:
        """The hash of the folder."""
        return sha256(self.folder)


def sha256(folder: str | Path) -> str:
    """Hash a checkpoint folder: names and contents of its files, except provenance.json, which names this hash.

    Folders within are left out: an action depends on none.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and path.name != PROVENANCE:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()
