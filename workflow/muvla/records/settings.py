"""What the provenance of a record file holds: settings, which decide every outcome, and runs (spec 6.4)."""

from typing import NotRequired, TypedDict

from muvla.files import Json

SOURCES = ("trained", "bundled", "released")  # of a checkpoint; else "unknown"


class Settings(TypedDict):
    """Everything that the outcome of an episode depends on."""

    scale: str  # "mini", "smoke" or "paper"
    checkpoint_sha256: str
    config_hash: str
    environment: str
    variant: str
    mode: str  # "receding" or "open_loop"
    memory: str  # "active", "zero", "noise" or "freeze_first"
    base_seed: int  # episode i is reset with base_seed + i
    num_mem_tokens: int  # m; 0 for a policy without memory
    width: int  # D, of the language model
    simulator: Json  # provenance() of the simulator: versions, driver, mesh, start-up check
    versions: dict[str, str]  # of torch, transformers, numpy, ...
    open_loop_steps: NotRequired[int]  # actions run of every chunk in open loop; absent: all of them
    named: NotRequired[bool]  # the goal was named in the instruction; absent: it was not
    precision: NotRequired[str]  # absent: float32
    server: NotRequired[Json]  # what the policy's server declares, and its title and rows, weights and packages
    statistics: NotRequired[str]  # of which other data sets the average un-normalised; absent: the policy's own


class Run(TypedDict):
    """The circumstances of one call of the evaluation; earlier versions wrote only the first three."""

    commit: str
    episodes: int  # requested
    checkpoint_source: str  # one of SOURCES, "served" behind a socket, or "unknown"
    checkpoint: NotRequired[str]  # folder, or address
    checkpoint_step: NotRequired[int | None]  # updates that made the checkpoint
    command_line: NotRequired[str]
    server: NotRequired[Json]  # command, image and its digest, of the policy's server
    container: NotRequired[str]
    instructions: NotRequired[str]  # instruction set that torch computes with
    arithmetic: NotRequired[str]  # what muvla.cpu held the libraries to
    time: NotRequired[str]  # UTC, of the start
    ended: NotRequired[str]  # UTC, once all its episodes were there


SETTINGS = tuple(name for name in Settings.__annotations__ if name in Settings.__required_keys__)
RUN = tuple(name for name in Run.__annotations__ if name in Run.__required_keys__)
