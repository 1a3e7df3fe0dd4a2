"""The numbers as a Research Object Crate (RO-Crate 1.1, by rocrate).

It holds the record files, the checkpoints, and each run that led from one to the other as a schema.org CreateAction.
The same records give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from muvla.records.settings import Json
from muvla.report.lineage.numbers import UNKNOWN, Number, TraceOrProbe


def crate(numbers: Sequence[Number], others: Sequence[TraceOrProbe], root: Path) -> str:
    """Return ro-crate-metadata.json of the folder `root`; files outside are named by their path from here."""
    made = ROCrate()
    made.name = "muVLA-repro: evaluation results"
    made.description = "Episode records, the checkpoints that made them, and how."
    made.license = "https://spdx.org/licenses/MIT"
    # rocrate takes the present for the date; the last evaluation is what a reader wants, and it stays the same
    times = [time for number in numbers for time in number.circumstance("time").split(", ") if time != UNKNOWN]
    made.root_dataset["datePublished"] = max(times, default="")
    checkpoints: dict[str, ContextEntity] = {}
    for number in numbers:
        settings = number.cell.settings
        digest = settings["checkpoint_sha256"]
        if digest not in checkpoints:
            checkpoints[digest] = made.add(_checkpoint(made, digest, settings["variant"], number.trained))
        about = {
            "name": number.name,
            "encodingFormat": "application/jsonl",
            "description": f"{number.cell.successes} successes in {number.cell.episodes} episodes",
        }
        records, name = _file(made, number.cell.path, root, about)
        for index, run in enumerate(number.cell.runs):
            action = _run(made, f"#run-{name}-{index}", f"evaluation of {number.name}", run)
            action["configurationSha256"] = settings["config_hash"]
            action["environment"] = json.dumps(number.versions, sort_keys=True)
            action["object"] = checkpoints[digest]
            action["result"] = records
    for one in others:
        digest = one.content["checkpoint_sha256"]
        if digest not in checkpoints:
            checkpoints[digest] = made.add(_checkpoint(made, digest, one.variant, {}))
        about = {"name": one.path.stem, "encodingFormat": "application/json"}
        result, name = _file(made, one.path, root, about)
        action = _run(made, f"#run-{name}", f"{one.content['command']} of {one.variant}", one.content)
        action["configurationSha256"] = one.content["config_sha256"]
        action["environment"] = json.dumps(one.versions, sort_keys=True)
        action["object"] = checkpoints[digest]
        action["result"] = result
    return json.dumps(made.metadata.generate(), indent=1, sort_keys=True) + "\n"


def _run(made: ROCrate, identifier: str, name: str, content: Mapping[str, object]) -> ContextEntity:
    """Add one run of a command; content: its circumstances (muvla.provenance), with gaps in earlier versions."""
    action = ContextEntity(
        made,
        identifier,
        properties={
            "@type": "CreateAction",
            "name": name,
            "description": content.get("command_line", ""),
            "startTime": content.get("time", ""),
            "softwareVersion": content["commit"],
            "container": content.get("container", ""),
            "instructions": content.get("instructions", ""),
        },
    )
    made.add(action)
    made.root_dataset.append_to("mentions", action)
    return action


def _file(made: ROCrate, place: Path, root: Path, about: dict[str, str]) -> tuple[Entity, str]:
    """Add a file of results and return it with its name in the crate; a file outside of `root` is only mentioned."""
    if place.is_relative_to(root):
        name = place.relative_to(root).as_posix()
        return made.add_file(str(place), name, properties=about), name
    name = place.as_posix()
    return made.add(ContextEntity(made, f"#{name}", properties={"@type": "CreativeWork", **about})), name


def _checkpoint(made: ROCrate, digest: str, variant: str, trained: Json) -> ContextEntity:
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
