"""The episodes behind one number: a record file of each training seed that was evaluated under one condition."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from muvla.records.file import Cell, RecordsError
from muvla.records.provenance_file import differences
from muvla.records.settings import Settings
from muvla.report.statistics.seeds import Counts, rate_over_seeds, seeds_disagree
from muvla.report.statistics.tests import Estimate

Key = TypeVar("Key", bound=Hashable)
# What may differ between training seeds: the weights, and the hash over a configuration that names the seed.
OWN_TO_A_SEED = ("checkpoint_sha256", "config_hash")


@dataclass(frozen=True)
class Counted:
    """Episodes with an outcome, counted; by_seed: training seed -> (successes, episodes)."""

    by_seed: Mapping[str, tuple[int, int]]

    @property
    def counts(self) -> Counts:
        """Return (successes, episodes) of every training seed, in their order."""
        return list(self.by_seed.values())

    @property
    def successes(self) -> int:
        """Count the successes of all training seeds."""
        return sum(successes for successes, _ in self.counts)

    @property
    def episodes(self) -> int:
        """Count the episodes of all training seeds."""
        return sum(episodes for _, episodes in self.counts)


def by_seed_of(outcomes: Mapping[str, Mapping[Key, bool]]) -> dict[str, tuple[int, int]]:
    """Count outcomes by training seed: (successes, episodes) of each."""
    return {seed: (sum(one.values()), len(one)) for seed, one in outcomes.items()}


@dataclass(frozen=True)
class Sample(Counted):
    """Cells of one variant in one environment under one condition, the first training seed's first."""

    by_seed: Mapping[str, tuple[int, int]] = field(init=False)
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_seed", by_seed_of(self.outcomes))

    @property
    def settings(self) -> Settings:
        """Return the settings; only what is OWN_TO_A_SEED differs between the cells."""
        return self.cells[0].settings

    @property
    def path(self) -> Path:
        """Return the first record file."""
        return self.cells[0].path

    @property
    def outcomes(self) -> dict[str, dict[int, bool]]:
        """Return success by training seed and evaluation seed; training seeds without an outcome are left out."""
        return {cell.training_seed: cell.outcomes for cell in self.cells if cell.episodes}

    def rate(self, confidence: float) -> Estimate:
        """Return the success rate over all episodes. Raises ValueError without any."""
        return rate_over_seeds(self.counts, confidence)

    def disagrees(self, significance: float) -> bool:
        """Say whether the training seeds differ by more than their episodes explain."""
        return seeds_disagree(list(self.outcomes.values()), significance)


def cells_of(samples: Iterable[Sample | None]) -> list[Cell]:
    """Return the cells of all samples."""
    return [cell for sample in samples if sample is not None for cell in sample.cells]


def put_together(placed: Iterable[tuple[Key, Cell]]) -> dict[Key, Sample]:
    """Put the cells of one place, which differ in their training seed, into one sample; in the order of their seeds.

    Raises RecordsError for two cells of one place and training seed, and for training seeds that were evaluated
    differently or are one checkpoint.
    """
    found: dict[Key, dict[str, Cell]] = {}
    for key, cell in placed:
        other = found.setdefault(key, {}).setdefault(cell.training_seed, cell)
        if other is not cell:
            raise RecordsError(f"{other.path} and {cell.path} are the same cell; name one of the two only")
    return {key: Sample(_of_different_seeds(by_seed)) for key, by_seed in found.items()}


def _of_different_seeds(by_seed: Mapping[str, Cell]) -> tuple[Cell, ...]:
    cells = [by_seed[seed] for seed in sorted(by_seed, key=lambda seed: (len(seed), seed))]
    check_same_settings(cells, OWN_TO_A_SEED)
    digests: dict[str, Cell] = {}
    for cell in cells:
        other = digests.setdefault(cell.settings["checkpoint_sha256"], cell)
        if other is not cell:
            raise RecordsError(
                f"{other.path} and {cell.path} lie in folders of different training seeds but are of one checkpoint; "
                "leave one out"
            )
    return tuple(cells)


def check_same_settings(cells: Sequence[Cell], but: Sequence[str]) -> None:
    """Raise RecordsError when cells that are counted together have settings that differ in more than the keys `but`."""
    first, *others = cells
    for cell in others:
        ours, theirs = ({key: value for key, value in one.settings.items() if key not in but} for one in (first, cell))
        if different := list(differences(ours, theirs)):
            raise RecordsError(
                f"{first.path} and {cell.path} are counted together but have different settings: "
                f"{'; '.join(different)}; evaluate the older of the two again"
            )
