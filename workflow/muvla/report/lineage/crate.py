"""The numbers as a Workflow Run RO-Crate 0.5 (RO-Crate 1.1, by rocrate): what ran, on what, when, and what came out.

The main entity is the workflow; its run joins the runs of the commands, each a CreateAction with its program, inputs,
results, image and times. A time that nobody recorded is left out. The same records give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from rocrate.model import ContextEntity, Entity
from rocrate.rocrate import ROCrate

from muvla.files import Json, json_sha256
from muvla.records.mark import mark_of
from muvla.records.provenance_file import provenance_path
from muvla.report.lineage.numbers import Number, TraceOrProbe

T = TypeVar("T")
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
TERMS = "https://w3id.org/ro/terms/workflow-run"
WORKFLOW = "workflow/Snakefile"
HASH = re.compile(r"[0-9a-f]{64}")
SOURCE = "https://arxiv.org/abs/2606.12497"  # what the programs reproduce
LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"


def crate(
    numbers: Sequence[Number], others: Sequence[TraceOrProbe], root: Path, snakefile: Path, parameters: Json
) -> str:
    """Return ro-crate-metadata.json of the folder `root`; files outside are named by their path from here.

    snakefile: the workflow's main file, of which a copy lies in the crate. parameters: what its call was given.
    """
    building = _Crate(root)
    workflow = building.workflow(snakefile, parameters)
    runs: list[ContextEntity] = []
    for number in numbers:
        files = building.records(number)
        checkpoint = building.checkpoint(number.cell.settings["checkpoint_sha256"], number)
        for index, run in enumerate(number.cell.runs):
            identifier = f"#run-{files[0].id.lstrip('#')}-{index}"
            about = {"configurationSha256": number.cell.settings["config_hash"], "versions": number.versions}
            action = building.run(identifier, "muvla.evaluate", f"evaluation of {number.name}", run, about)
            action["object"], action["result"] = checkpoint, files
            runs.append(action)
    for one in others:
        about = {"configurationSha256": one.content["config_sha256"], "versions": one.versions}
        result = building.file(one.path, {"name": one.path.stem, "encodingFormat": "application/json"})
        name = str(one.content["command"])
        identifier = f"#run-{result.id.lstrip('#')}"
        action = building.run(identifier, name, f"{name} of {one.variant}", one.content, about)
        action["object"] = building.checkpoint(one.content["checkpoint_sha256"], None, one.variant)
        action["result"] = result
        runs.append(action)
    building.run_of_workflow(workflow, runs)
    made = building.made
    return json.dumps(made.metadata.generate(), indent=1, sort_keys=True) + "\n"


class _Crate:
    """The crate while it is put together: what was added once is not added again."""

    def __init__(self, root: Path) -> None:
        self.made, self.root = ROCrate(version="1.1"), root
        self.made.metadata.extra_contexts.append(f"{TERMS}/context")
        self.made.name = "muVLA-repro: evaluation results"
        self.made.description = "Episode records, the checkpoints that made them, and how."
        self.made.license = "https://spdx.org/licenses/MIT"
        self.made.root_dataset["conformsTo"] = [
            self.context(url, {"@type": "CreativeWork", "name": name, "version": version})
            for url, (name, version) in PROFILES.items()
        ]
        standards = ("https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0")
        self.made.metadata["conformsTo"] = [{"@id": url} for url in standards]
        self.authors = self.context("#authors", {"@type": "Organization", "name": "The muVLA-repro developers"})

    def context(self, identifier: str, properties: Json) -> ContextEntity:
        """Return the entity of that name; added with these properties where it is not there yet."""
        found = self.made.dereference(identifier)
        return found or self.made.add(ContextEntity(self.made, identifier, properties=properties))

    def workflow(self, snakefile: Path, parameters: Json) -> Entity:
        """Add the main entity, its language, and a formal parameter for each of `parameters`."""
        language = {"@type": "ComputerLanguage", "name": "Snakemake", "url": "https://snakemake.github.io"}
        about = {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "muVLA-repro",
            "url": SOURCE,
            "encodingFormat": "text/x-snakemake",
            "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
        }
        made = self.made.add_file(str(snakefile), WORKFLOW, properties=about)
        made["programmingLanguage"] = self.context(LANGUAGE, language)
        self.made.mainEntity = made
        for name, value in parameters.items():
            text = value if isinstance(value, str) else json.dumps(value)
            kind = {"@type": "FormalParameter", "name": name, "additionalType": "Text"}
            parameter = self.context(f"#parameter-{name}", kind)
            given = self.context(f"#given-{name}", {"@type": "PropertyValue", "name": name, "value": text})
            parameter["workExample"], given["exampleOfWork"] = given, parameter
            made.append_to("input", parameter)
        return made

    def run_of_workflow(self, workflow: Entity, runs: Sequence[ContextEntity]) -> None:
        """Add the run that joins all others; it dates the crate, so that the same records stay the same crate."""
        began = [run["startTime"] for run in runs if run.get("startTime")]
        ended = [run["endTime"] for run in runs if run.get("endTime")]
        action = self.context("#run", {"@type": "CreateAction", "name": "run of the workflow"})
        action["description"] = f"{len(runs)} runs of commands, from the first to the last"
        self._times(action, min(began, default=""), max(ended, default=""))
        action["instrument"], action["agent"] = workflow, self.authors
        action["object"] = [entity for entity in self.made.contextual_entities if entity.type == "PropertyValue"
                            and entity.id.startswith("#given-")]  # fmt: skip
        results = {result.id: result for run in runs for result in listed(run["result"])}
        action["result"] = list(results.values())
        self.made.root_dataset["mentions"] = [action, *runs]
        commits = dict.fromkeys(str(run["softwareVersion"]) for run in runs)
        workflow["version"] = ", ".join(commits)
        self.made.root_dataset["datePublished"] = max([*began, *ended], default="")

    def records(self, number: Number) -> list[Entity]:
        """Add a record file with its provenance and its mark, without which it cannot be read elsewhere."""
        place = number.cell.path
        said = f"{number.cell.successes} successes in {number.cell.episodes} episodes"
        about = {"name": number.name, "encodingFormat": "application/jsonl", "description": said}
        found = [self.file(place, about)]
        for beside, what in ((provenance_path(place), "provenance"), (mark_of(place), "mark")):
            found.append(self.file(beside, {"name": f"{what} of {number.name}", "encodingFormat": "application/json"}))
        return found

    def file(self, place: Path, about: Json) -> Entity:
        """Add a file of results; one outside of the crate is only mentioned."""
        if place.is_relative_to(self.root):
            return self.made.add_file(str(place), place.relative_to(self.root).as_posix(), properties=about)
        return self.context(f"#{place.as_posix()}", {"@type": "CreativeWork", **about})

    def checkpoint(self, digest: str, number: Number | None, variant: str = "") -> ContextEntity:
        """Add a checkpoint by its hash, with what is known of its training."""
        trained = number.trained if number else {}
        name = number.cell.settings["variant"] if number else variant
        return self.context(
            f"#checkpoint-{digest}",
            {
                "@type": "CreativeWork",
                "name": f"checkpoint of {name}",
                **({"sha256": digest} if HASH.fullmatch(digest) else {}),  # a server may name its weights otherwise
                "version": str(trained.get("commit") or trained.get("revision") or ""),
                "isBasedOn": str(trained.get("base") or trained.get("repository") or ""),
                "additionalProperty": self.facts(
                    trainingData=trained.get("data", {}), configurationSha256=trained.get("config_sha256", "")
                ),
            },
        )

    def facts(self, **values: object) -> list[ContextEntity]:
        """Return values that schema.org has no term for, as properties by name; without those that are empty."""
        texts = {name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                 for name, value in values.items() if value}  # fmt: skip
        return [
            self.context(f"#{name}-{json_sha256(text)[:12]}", {"@type": "PropertyValue", "name": name, "value": text})
            for name, text in texts.items()
        ]

    def run(
        self, identifier: str, program: str, name: str, content: Mapping[str, object], about: Json
    ) -> ContextEntity:
        """Add one run of a command; content: its circumstances (muvla.provenance), with gaps in earlier versions."""
        version = str(content["commit"])
        tool = {"@type": "SoftwareApplication", "name": program, "url": SOURCE, "softwareVersion": version}
        action = self.context(identifier, {"@type": "CreateAction", "name": name, "softwareVersion": version})
        action["description"] = content.get("command_line") or name
        action["instrument"] = self.context(f"{SOURCE}#{program}@{version}", tool)
        action["agent"] = self.authors
        self._times(action, *_start_and_end(content))
        image = str(content.get("container", ""))
        circumstances = {name: content.get(name, "") for name in ("container", "instructions", "arithmetic")}
        action["additionalProperty"] = self.facts(**about, **circumstances)
        if image.startswith("sha256:"):
            kind = {"@type": "ContainerImage", "additionalType": {"@id": f"{TERMS}#SIFImage"}, "name": "muvla.sif"}
            where = {"sha256": image.removeprefix("sha256:")}
            action["containerImage"] = self.context(f"#image-{image}", kind | where)
        return action

    @staticmethod
    def _times(action: ContextEntity, start: str, end: str) -> None:
        for key, value in (("startTime", start), ("endTime", end)):
            if value:
                action[key] = value


def _start_and_end(content: Mapping[str, object]) -> tuple[str, str]:
    """Return the times (ISO 8601) of a run, "" where nobody recorded one.

    An evaluation records its start as `time` and its end as `ended`; every other command its end as `time`, and how
    many `seconds` it took or when it `started`.
    """
    time, seconds = str(content.get("time", "")), content.get("seconds")
    if "episodes" in content:
        return time, str(content.get("ended", ""))
    if time and isinstance(seconds, int | float):
        return (datetime.fromisoformat(time) - timedelta(seconds=seconds)).isoformat(timespec="seconds"), time
    return str(content.get("started", "")), time


def listed(value: T | list[T]) -> list[T]:
    """Return a value of JSON-LD, where a list of one stands as the one, as a list."""
    return value if isinstance(value, list) else [value]
