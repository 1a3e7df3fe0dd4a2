"""What one line of an episode record file must hold, and the invariants it must meet (spec 6.4)."""

import json
import math
from typing import Literal

from muvla.files import Json
from muvla.records.settings import Settings

MODES = ("receding", "open_loop")
MEMORIES = ("active", "zero", "noise", "freeze_first")
COUNTS = ("seed", "episode", "steps", "forwards", "memory_updates", "cue_steps", "empty_steps")
TEXTS = ("environment", "variant", "goal", "mode", "memory")
FIELDS = (*TEXTS, *COUNTS, "success", "seconds", "error")
IDENTITY: tuple[Literal["environment", "variant", "mode", "memory"], ...] = ("environment", "variant", "mode", "memory")


class RecordsError(ValueError):
    """A record file is wrong; the message says what, where and what to do."""


class InvalidRecord(RecordsError):
    """A record lacks a field, has a field of the wrong type, or breaks an invariant of the evaluation."""


def type_fault(record: Json) -> str | None:
    """Say which field of `record` is missing or of the wrong type; None when all are right."""
    missing = [name for name in FIELDS if name not in record]
    if missing:
        return f"lacks {', '.join(missing)}"
    for name in TEXTS:
        if not isinstance(record[name], str):
            return f"{name} is {record[name]!r}, expected text"
    for name in COUNTS:
        value = record[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            return f"{name} is {value!r}, expected an integer of at least 0"
    seconds = record["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        return f"seconds is {seconds!r}, expected a finite number of at least 0"
    for name, allowed in (("mode", MODES), ("memory", MEMORIES)):
        if record[name] not in allowed:
            return f"{name} is {record[name]!r}, expected one of {', '.join(allowed)}"
    error, success = record["error"], record["success"]
    if error is None:
        return None if isinstance(success, bool) else f"success is {success!r}, expected true or false"
    if not isinstance(error, str) or not error:
        return f"error is {error!r}, expected null or the text of the exception"
    return None if success is None else f"error is set but success is {success!r}: an error is not a result, write null"


def invariant_fault(record: Json, settings: Settings) -> str | None:
    """Say which invariant the well-typed `record` breaks under `settings`; None when it breaks none.

    A forward pass for every simulator step when the policy re-plans at every step, one memory update for
    every forward pass when it has memory, and none when it has not (spec 6.4). memory_updates counts the
    passes whose memory output went into the update rule, whatever an intervention (zero, noise, freeze_first)
    puts in its place. An episode that ended in an error may have stopped anywhere, so only its identity is checked.
    """
    for name in IDENTITY:
        if record[name] != settings[name]:
            return f"{name} is {record[name]!r} where the provenance says {settings[name]!r}"
    if record["seed"] != settings["base_seed"] + record["episode"]:
        return f"seed {record['seed']} is not base_seed {settings['base_seed']} + episode {record['episode']}"
    if record["error"] is not None:
        return None
    steps, forwards, updates = record["steps"], record["forwards"], record["memory_updates"]
    if record["mode"] == "receding" and forwards != steps:
        return f"forwards ({forwards}) != steps ({steps}) in receding mode: query the policy at every step"
    if forwards > steps:
        return f"forwards ({forwards}) > steps ({steps}): more queries than simulator steps"
    if settings["num_mem_tokens"] and updates != forwards:
        return f"memory_updates ({updates}) != forwards ({forwards}): update the memory at every forward pass"
    if not settings["num_mem_tokens"] and updates:
        return f"memory_updates ({updates}) != 0 for a policy without memory (num_mem_tokens 0)"
    return None


def encode(record: Json, settings: Settings) -> bytes:
    """Check `record` and return its line of JSON with the newline. Raises InvalidRecord."""
    fault = type_fault(record) or invariant_fault(record, settings)
    if fault is None:
        try:
            return (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")
        except (TypeError, ValueError) as error:
            fault = f"cannot be written as JSON ({error})"
    raise InvalidRecord(f"record of seed {record.get('seed')}: {fault}")


def decode(line: bytes, settings: Settings) -> Json:
    """Read one line back. Raises InvalidRecord saying what is wrong with it."""
    try:
        record = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InvalidRecord(f"not a line of JSON ({error})") from error
    if not isinstance(record, dict):
        raise InvalidRecord(f"a JSON {type(record).__name__}, expected an object")
    fault = type_fault(record) or invariant_fault(record, settings)
    if fault is not None:
        raise InvalidRecord(fault)
    return record
