"""What a rule asks a cluster for: memory and time that grow with each attempt, and the partition of the site.

Used by the rules only, as `resources: mem_mb=needs.growing(6000), **needs.cpu()`. On one machine Snakemake's own
scheduler reads memory and GPUs as well, and the rest has no meaning there.
"""

from collections.abc import Callable, Mapping
from typing import Any

Growing = Callable[[Any, int], int]


class Needs:
    """What rules need at the scale and site of a configuration: `mini` numbers, unless it is `scale: paper`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.site: Mapping[str, Any] = config["site"]
        self.paper: bool = config["scale"] == "paper"

    def growing(self, mini: int, paper: int | None = None) -> Growing:
        """Return a resource (MB or minutes) that is so much at the first attempt, twice at the second, and so on."""
        first = paper if self.paper and paper is not None else mini

        def amount(wildcards: Any, attempt: int) -> int:
            return first * attempt

        return amount

    def cpu(self) -> dict[str, Any]:
        """Return account and partition of a job that needs no GPU."""
        return self._where("cpu_partition")

    def gpu(self, count: int) -> dict[str, Any]:
        """Return account, partition and GPUs: `count` at the paper's scale; the mini scale needs none."""
        if not self.paper:
            return self.cpu()
        model = {"gpu_model": self.site["gpu_model"]} if self.site["gpu_model"] else {}
        return {**self._where("gpu_partition"), "gpu": count, **model}

    def _where(self, partition: str) -> dict[str, Any]:
        asked = {"slurm_account": self.site["account"], "slurm_partition": self.site[partition]}
        return {key: value for key, value in asked.items() if value}
