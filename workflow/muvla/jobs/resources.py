"""Resources of rules that need more than the profile's default-resources (slurm/config.yaml).

Used as `resources: mem_mb=needs.growing(6000), **needs.gpu(1)`. On one machine Snakemake's own scheduler reads memory
and GPUs as well, and the rest has no meaning there.
"""

from collections.abc import Callable

from muvla.jobs.configuration import Configuration

Growing = Callable[[object, int], int]


class Needs:
    """What rules need at the scale and site of a configuration: `mini` numbers, unless it is `scale: paper`."""

    def __init__(self, config: Configuration) -> None:
        self.site = config["site"]
        self.paper = config["scale"] == "paper"

    def growing(self, mini: int, paper: int | None = None) -> Growing:
        """Return a resource (MB or minutes) that is so much at the first attempt, twice at the second, and so on."""
        first = paper if self.paper and paper is not None else mini

        def amount(wildcards: object, attempt: int) -> int:
            return first * attempt

        return amount

    def gpu(self, count: int) -> dict[str, str | int]:
        """Return GPUs and their partition: `count` at the paper's scale; the mini scale needs none."""
        if not self.paper:
            return {}
        named = {"slurm_partition": self.site["gpu_partition"], "gpu_model": self.site["gpu_model"]}
        return {"gpu": count, **{key: value for key, value in named.items() if value}}
