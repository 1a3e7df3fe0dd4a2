"""The numbers as a Research Object Crate (RO-Crate 1.1, by rocrate): record files, checkpoints, and the runs that led
from one to the other as schema.org CreateActions. The same records give the same bytes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

if TYPE_CHECKING:
    from muvla.report.lineage.numbers import Look, Number


def crate(numbers: Sequence["Number"], looks: Sequence["Look"], root: Path) -> str:
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
            checkpoints[digest] = made.add(_checkpoint(made, digest, question["variant"], number.trained))
        about = {
            "name": number.name,
            "encodingFormat": "application/jsonl",
            "description": f"{number.cell.successes} successes in {number.cell.episodes} episodes",
        }
        records, name = _file(made, number.cell.path, root, about)
        for index, run in enumerate(number.cell.runs):
            action = _run(made, f"#run-{name}-{index}", f"evaluation of {number.name}", run)
            action["configurationSha256"] = question["config_hash"]
            action["environment"] = json.dumps(number.versions, sort_keys=True)
            action["object"] = checkpoints[digest]
            action["result"] = records
    for look in looks:
        digest = look.told["checkpoint_sha256"]
        if digest not in checkpoints:
            checkpoints[digest] = made.add(_checkpoint(made, digest, look.variant, {}))
        about = {"name": look.path.stem, "encodingFormat": "application/json"}
        result, name = _file(made, look.path, root, about)
        action = _run(made, f"#run-{name}", f"{look.told['command']} of {look.variant}", look.told)
        action["configurationSha256"] = look.told["config_sha256"]
        action["environment"] = json.dumps(look.versions, sort_keys=True)
        action["object"] = checkpoints[digest]
        action["result"] = result
    return json.dumps(made.metadata.generate(), indent=1, sort_keys=True) + "\n"


def _run(made: ROCrate, identifier: str, name: str, told: Mapping[str, Any]) -> ContextEntity:
    """Add one run of a command; told: its circumstances (muvla.provenance), of earlier versions with gaps."""
    action = ContextEntity(
        made,
        identifier,
        properties={
            "@type": "CreateAction",
            "name": name,
            "description": told.get("command_line", ""),
            "startTime": told.get("time", ""),
            "softwareVersion": told["commit"],
            "container": told.get("container", ""),
            "instructions": told.get("instructions", ""),
        },
    )
    made.add(action)
    made.root_dataset.append_to("mentions", action)
    return action


def _file(made: ROCrate, place: Path, root: Path, about: dict[str, str]) -> tuple[Any, str]:
    """Add a file of results, and return it with its name in the crate; one outside of `root` is only mentioned."""
    if place.is_relative_to(root):
        name = place.relative_to(root).as_posix()
        return made.add_file(str(place), name, properties=about), name
    name = place.as_posix()
    return made.add(ContextEntity(made, f"#{name}", properties={"@type": "CreativeWork", **about})), name


def _checkpoint(made: ROCrate, digest: str, variant: str, trained: Mapping[str, Any]) -> ContextEntity:
    return ContextEntity(
        made,
        f"#checkpoint-{digest}",
        properties={
            "@type": "CreativeWork",
            "name": f"checkpoint of {variant}",
            "sha256": digest,
            "version": str(trained.get("commit") or trained.get("revision") or ""),
            "isBasedOn": str(trained.get("base") or trained.get("repository") or ""),
            "trainingData": json.dumps(trained.get("data", {}), sort_keys=True),
            "configurationSha256": trained.get("config_sha256", ""),
        },
    )
