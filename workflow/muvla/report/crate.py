"""The numbers as a Research Object Crate (RO-Crate 1.1, by rocrate): record files, checkpoints, and the runs that led
from one to the other as schema.org CreateActions. The same records give the same bytes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

if TYPE_CHECKING:
    from muvla.report.lineage import Number


def crate(numbers: Sequence["Number"], root: Path) -> str:
    """Return ro-crate-metadata.json of the folder `root`; files outside of it are named by their path from here."""
    made = ROCrate()
    made.name = "muVLA-repro: evaluation results"
    made.description = "Episode records, the checkpoints that made them, and how."
    made.license = "https://spdx.org/licenses/MIT"
    # rocrate takes the present for the date; the last evaluation is what a reader wants, and it stays the same
    made.root_dataset["datePublished"] = max(number.run("time").split(", ")[0] for number in numbers)
    checkpoints: dict[str, Any] = {}
    for number in numbers:
        question = number.cell.question
        digest = question["checkpoint_sha256"]
        if digest not in checkpoints:
            checkpoints[digest] = made.add(_checkpoint(made, number))
        place = number.cell.path
        inside = place.is_relative_to(root)
        name = (place.relative_to(root) if inside else place).as_posix()
        about = {
            "name": number.name,
            "encodingFormat": "application/jsonl",
            "description": f"{number.cell.successes} successes in {number.cell.episodes} episodes",
        }
        if inside:
            records = made.add_file(str(place), name, properties=about)
        else:
            records = made.add(ContextEntity(made, f"#{name}", properties={"@type": "CreativeWork", **about}))
        for index, run in enumerate(number.cell.runs):
            action = ContextEntity(
                made,
                f"#run-{name}-{index}",
                properties={
                    "@type": "CreateAction",
                    "name": f"evaluation of {number.name}",
                    "description": run.get("command_line", ""),
                    "startTime": run.get("time", ""),
                    "softwareVersion": run["commit"],
                    "container": run.get("container", ""),
                    "configurationSha256": question["config_hash"],
                    "environment": json.dumps({**question["versions"], **question["simulator"]}, sort_keys=True),
                },
            )
            made.add(action)
            action["object"] = checkpoints[digest]
            action["result"] = records
            made.root_dataset.append_to("mentions", action)
    return json.dumps(made.metadata.generate(), indent=1, sort_keys=True) + "\n"


def _checkpoint(made: ROCrate, number: "Number") -> ContextEntity:
    trained = number.trained
    return ContextEntity(
        made,
        f"#checkpoint-{number.cell.question['checkpoint_sha256']}",
        properties={
            "@type": "CreativeWork",
            "name": f"checkpoint of {number.cell.question['variant']}",
            "sha256": number.cell.question["checkpoint_sha256"],
            "version": str(trained.get("commit") or trained.get("revision") or ""),
            "isBasedOn": str(trained.get("base") or trained.get("repository") or ""),
            "trainingData": json.dumps(trained.get("data", {}), sort_keys=True),
            "configurationSha256": trained.get("config_sha256", ""),
        },
    )
