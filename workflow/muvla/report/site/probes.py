"""The paper's probes of the memory as charts, read from the csv files that the rule `figure_probes` writes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from muvla.report.published import VARIANTS, chance
from muvla.report.site.charts import Chart, Mark, Series, colours
from muvla.report.tidy import read_rows

WANTED = ("variant", "environment", "setting", "successes", "episodes", "rate", "low", "high")
CARRIERS = ("m64_k8", "m64_k2", "m64_ema")  # the paper's, on which every probe is asked


@dataclass(frozen=True)
class Asked:
    """What a probe found: a chart for each environment, and the settings of which nothing was run."""

    charts: tuple[Chart, ...]
    not_run: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """One probe; axis: what its settings count. place, words: where the paper speaks of it, and a pattern of how."""

    name: str  # of its csv file
    title: str
    text: str
    axis: str
    place: str
    words: str = ""


PROBES = (
    Probe(
        "interventions",
        "What each forward pass reads as its memory",
        "The policy's own memory, zeros, noise, or the first memory of the episode in its place, at every step.",
        "memory",
        "intervention",
    ),
    Probe(
        "chunk_sweep",
        "How many actions of a chunk are run",
        "One is re-planning at every step, the table's own cell. With longer chunks there are fewer forward passes, "
        "and the memory is written less often.",
        "actions run",
        "chunk-length",
    ),
    Probe(
        "delays",
        "How long the cue and the delay last",
        "Steps of the cue phase and of the empty phase, each.",
        "steps each",
        "generalisation",
        r"phases|delay|K=8 is low",
    ),
    Probe(
        "unseen_colours",
        "Colours that no training showed",
        "So many of the colours are replaced by ones that no demonstration had.",
        "unseen colours",
        "generalisation",
        r"unseen|in distribution",
    ),
)


def read_probe(probe: Probe, csv: Path, confidence: float, memory: str) -> Asked:
    """Return a chart for each environment; of the chunk sweep one for each policy in it, with memory and zeroed.

    memory: the variant that has the colour of memory here as on the other pages.
    Raises FileNotFoundError, or ValueError naming the file.
    """
    lines = read_rows(csv)
    if lines and set(WANTED) - set(lines[0]):
        raise ValueError(f"{csv} is no probe of this version; remove it to have it made again")
    panels: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for line in lines:
        place = (line["environment"], line["variant"]) if probe.name == "chunk_sweep" else (line["environment"],)
        panels.setdefault(place, []).append(line)
    known = {
        memory: "memory",
        **dict(zip((one for one in CARRIERS if one != memory), ("noise", "first"), strict=False)),
    }
    charts = (_chart(probe, place, found, confidence, known) for place, found in panels.items() if _run(found))
    settings: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        settings.setdefault(_tick(line["setting"]), []).append(line)
    return Asked(tuple(charts), tuple(name for name, found in settings.items() if not _run(found)))


def _run(lines: Iterable[Mapping[str, str]]) -> bool:
    return any(line["episodes"] for line in lines)


def _chart(
    probe: Probe, place: tuple[str, ...], lines: list[dict[str, str]], confidence: float, carriers: dict[str, str]
) -> Chart:
    run = [line for line in lines if line["episodes"]]
    ticks = list(dict.fromkeys(_tick(line["setting"]) for line in run))
    names = list(dict.fromkeys(_name(line) for line in run))
    known = {"memory": "memory", "zeroed": "zeroed"} if probe.name == "chunk_sweep" else carriers
    order = sorted(names, key=lambda name: list(VARIANTS).index(name) if name in VARIANTS else -1)
    chosen = colours(order, known)
    series = []
    for name in order:
        marks = [Mark.of(line, ticks.index(_tick(line["setting"]))) for line in run if _name(line) == name]
        shown = tuple(mark for mark in marks if mark is not None)
        series.append(Series(name, chosen[name], shown, dashed=name == "zeroed"))
    return Chart(
        ", ".join(place),
        probe.axis,
        tuple(ticks),
        tuple(series),
        bars=probe.name == "interventions",
        confidence=confidence,
        chance=chance(place[0]),
    )


def _tick(setting: str) -> str:
    """Return what stands on the axis: "chunk=2 memory=zero" -> "2", "phases=own" -> "table"."""
    value = setting.partition("=")[2].partition(" ")[0]
    return {"own": "table", "freeze_first": "first"}.get(value, value)


def _name(line: Mapping[str, str]) -> str:
    """Return the series of a line: in the chunk sweep the memory's state, elsewhere the policy."""
    state = re.search(r"chunk=\d+ memory=(\w+)", line["setting"])
    return line["variant"] if state is None else "memory" if state[1] == "active" else "zeroed"


def claims_on(probe: Probe, claims: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the lines of claims.csv that are about this probe, by where the paper makes them and by what they say."""
    return [line for line in claims if probe.place in line["paper"] and re.search(probe.words, line["claim"])]


def comparisons(evidence: str) -> list[str]:
    """Divide the evidence of a claim into its comparisons; a semicolon within brackets stands between two numbers."""
    return re.split(r"; (?![^()]*\))", evidence)
