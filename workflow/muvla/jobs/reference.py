"""`python -m muvla.jobs.reference` writes config/README.md: every key of the configuration, from its schema."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from muvla.files import ROOT, write_atomically
from muvla.jobs.configuration import SCHEMA

PAGE = ROOT / "config" / "README.md"
HEAD = """# Configuration

<!-- Written by `python -m muvla.jobs.reference` from workflow/schemas/config.schema.yaml: edit that file. -->

- `config.yaml` is the matrix at the mini scale: what is made. Edit it, or override one key for one run:
  `snakemake --config episodes=20`. `smoke.yaml` (`--configfile config/smoke.yaml`) makes everything at a tiny size;
  with `--config scale=paper` the keys of `paper.yaml` override those of `config.yaml`.
- `site.yaml` is what differs between labs: GPU partition, container images.
- `muvla/` says how each thing is made: a file for each scale and each variant, composed by Hydra.
- `published/` holds the numbers that the paper prints.

All keys are checked before anything runs. A key that is not in this table is an error.
"""


def page() -> str:
    """Return the text of config/README.md."""
    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    rows = [f"| `{key}` | {values} | {text} |" for key, values, text in _rows(schema, schema["$defs"])]
    return "\n".join([HEAD, "| key | values | meaning |", "|---|---|---|", *rows, ""])


def _rows(schema: Mapping[str, Any], defined: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (dotted key, values, description) of every key below `schema`."""
    for name, entry in schema.get("properties", {}).items():
        key = f"{above}{name}"
        entry = _resolved(entry, defined)
        yield key, _values(entry, defined), re.sub(r"([|<])", r"\\\1", " ".join(entry["description"].split()))
        items = _resolved(entry.get("items", {}), defined)
        yield from _rows(entry, defined, f"{key}.")
        yield from _rows(items, defined, f"{key}[].")


def _resolved(entry: Mapping[str, Any], defined: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in entry:
        return entry
    return {**defined[entry["$ref"].rpartition("/")[2]], **entry}


def _values(entry: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    """Describe what a key may be, e.g. "integer from 1" or "list of ...". Long enumerations show their ends."""
    if "enum" in entry:
        names = [f"`{name}`" for name in entry["enum"]]
        return ", ".join(names if len(names) <= 4 else [names[0], "...", names[-1]])
    if "anyOf" in entry:
        return " or ".join(_values(_resolved(one, defined), defined) for one in entry["anyOf"])
    kinds = entry["type"] if isinstance(entry["type"], list) else [entry["type"]]
    if kinds == ["array"]:
        return f"list of {_values(_resolved(entry['items'], defined), defined)}"
    text = " or ".join("keys below" if kind == "object" else str(kind) for kind in kinds)
    bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return " ".join([text, *(f"{word} {entry[bound]}" for bound, word in bounds.items() if bound in entry)])


if __name__ == "__main__":
    print(f"written: {write_atomically(PAGE, page())}")
