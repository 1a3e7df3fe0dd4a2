"""What --help and error messages say about options (options.py)."""

from __future__ import annotations

import dataclasses
import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, Field, dataclass
from types import UnionType
from typing import Union, get_args, get_origin, get_type_hints

from hydra.errors import MissingConfigException, OverrideParseException

KINDS: dict[object, str] = {int: "an integer", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Option:
    """One field of the dataclass `owner`, with its resolved type and its path from the top."""

    path: str
    field: Field[object]
    hint: object
    owner: type

    @property
    def kinds(self) -> list[object]:
        """The types that it may have, without None."""
        parts = get_args(self.hint) if get_origin(self.hint) in (Union, UnionType) else (self.hint,)
        return [part for part in parts if part is not type(None)]

    @property
    def optional(self) -> bool:
        return type(None) in get_args(self.hint)

    @property
    def sections(self) -> list[type]:
        """The dataclasses that it can hold, alone or in a list."""
        kinds = list(self.field.metadata.get("schemas", {}).values()) or self.kinds
        kinds = [get_args(kind)[0] if get_origin(kind) is list else kind for kind in kinds]
        return [kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)]


def options_of(kind: type, prefix: str = "") -> list[Option]:
    """Return the options of one dataclass, without those of its sections."""
    hints = get_type_hints(kind)
    return [Option(f"{prefix}{each.name}", each, hints[each.name], kind) for each in dataclasses.fields(kind)]


def all_options(kind: type, prefix: str = "") -> Iterator[Option]:
    """Yield every option, a section before what stands in it; no path twice for one dataclass."""
    for each in options_of(kind, prefix):
        yield each
        found: set[tuple[str, type]] = set()
        for section in each.sections:
            for inner in all_options(section, f"{each.path}."):
                if (inner.path, inner.owner) not in found:
                    found.add((inner.path, inner.owner))
                    yield inner


def documentation(kind: type, doc: str) -> str:
    """Return what --help prints: `doc`, then every option with its default, its range and its documentation."""
    lines = [doc.strip(), "", "Options, with their defaults:"]
    before: set[str] = set()
    for each in all_options(kind):
        if each.path in before:
            continue  # two kinds of a section share it
        before.add(each.path)
        default, can_be = _default(each.field), expected(each)
        lines.append(f"\n  {each.path}{default and f'={default}'}{can_be and f'  ({can_be})'}")
        lines += textwrap.wrap(each.field.metadata["doc"], 100, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)


def expected(each: Option) -> str:
    """Say what an option can be: its kind and range, or the words to choose from; "" for a section."""
    metadata, kind = each.field.metadata, each.kinds[0]
    if metadata.get("choices"):
        text = " or ".join(str(choice) for choice in metadata["choices"])
    elif kind in KINDS:
        text = KINDS[kind]
        least, most = metadata.get("at_least"), metadata.get("at_most")
        if least is not None and most is not None:
            text += f" from {least} to {most}"
        elif least is not None:
            text += f" of at least {least}"
    elif get_origin(kind) is list and not each.sections:
        text = "a list of words, as in [a,b]"
    else:
        return ""
    return f"{text}, or null" if each.optional else text


def shown(value: object) -> str:
    """Return a value as it is written on a command line."""
    return {"None": "null", "True": "true", "False": "false"}.get(str(value), str(value))


def _default(each: Field[object]) -> str:
    if "group" in each.metadata:
        return str(each.metadata["group"])
    if each.default is not MISSING:
        return "" if each.default == "???" else shown(each.default)
    value = each.default_factory() if each.default_factory is not MISSING else None
    plain = isinstance(value, list) and not any(dataclasses.is_dataclass(one) for one in value)
    return f"[{','.join(map(str, value))}]" if plain and isinstance(value, list) else ""


def explanation(kind: type, error: Exception, folder: str) -> str:
    """Say in one sentence what Hydra or OmegaConf found in the options `kind`; folder: where the groups' files lie."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, name = error.missing_cfg_file.partition("/")
        return f"{group} is {name!r}: {_meant(name, [each for each in error.options if not each.startswith('_')])}"
    if isinstance(error, OverrideParseException):
        return f"{error.override!r} cannot be read: write option=value, with quotes around a value that holds , = or []"
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    text = str(cause)
    place = re.match(r"In '([^']+/[^']+)'", str(error))
    where = f"{folder}/{place[1]}.yaml: " if place else ""
    key = re.search(r"full_key: (\S+)", text)
    message = next((line for line in text.splitlines() if line and not line.startswith("In '")), str(error))
    if key is None:
        return where + message
    path = re.sub(r"\[(\d+)\]", r".\1", key[1])
    if unknown := re.search(r"Key '([^']+)' not in '(\w+)'", text):
        return where + _unknown(kind, path, unknown[1], unknown[2])
    plain = re.sub(r"\.\d+(?=\.|$)", "", path)
    can_be = next((expected(each) for each in all_options(kind) if each.path == plain), "")
    if value := re.search(r"[Vv]alue '(.*?)'", text):
        given = value[1]
    elif "not Optional" in text:
        given = "null"
    else:
        given = "of another kind"
    return f"{where}{path} is {given}: it must be {can_be}" if can_be else f"{where}{path}: {message}"


def _unknown(kind: type, path: str, name: str, owner: str) -> str:
    """Name the nearest option to one that does not exist: of the same section, else one with that name elsewhere."""
    options = list(all_options(kind))
    names = [each.field.name for each in options if each.owner.__name__ == owner]
    if not difflib.get_close_matches(name, names, n=1):
        elsewhere = {each.field.name: each.path for each in reversed(options)}
        close = difflib.get_close_matches(name, elsewhere, n=1, cutoff=0.8)
        if close and elsewhere[close[0]] != path:  # else another scale has it
            return f"there is no option {path!r}; did you mean {elsewhere[close[0]]!r}?"
    return f"there is no option {path!r}; {_meant(name, names)}"


def _meant(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}There are: {', '.join(dict.fromkeys(known))}"
