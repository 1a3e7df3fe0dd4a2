"""Record files with made-up outcomes, for tests of what reads them; written through the real writer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from muvla.records.file import RecordFile

BASE_SEED = 4242424242


def provenance(
    variant: str = "m64_k2",
    environment: str = "RememberColor3",
    mode: str = "receding",
    memory: str = "active",
    episodes: int = 4,
    **question: Any,
) -> dict[str, Any]:
    """A complete provenance; `question` replaces entries of its question."""
    return {
        "question": {
            "scale": "mini",
            "checkpoint_sha256": variant.encode().hex().ljust(64, "0")[:64],
            "config_hash": "c0ffee",
            "environment": environment,
            "variant": variant,
            "mode": mode,
            "memory": memory,
            "base_seed": BASE_SEED,
            "num_mem_tokens": 0 if variant.startswith(("oft", "pi")) else 8,
            "width": 128,
            "simulator": {"mani_skill": "3.0.1", "camera_mesh_sha256": "ab" * 32, "mug": ""},
            "versions": {"torch": "2.13.0+cpu"},
            **question,
        },
        "run": {"commit": "0123456789" * 4, "episodes": episodes, "checkpoint_source": "bundled"},
    }


def record(question: dict[str, Any], episode: int, success: bool | None, **fields: Any) -> dict[str, Any]:
    """A valid record of episode number `episode`; success None is an error."""
    steps = 10 + episode % 15
    forwards = steps if question["mode"] == "receding" else -(-steps // 8)
    return {
        "environment": question["environment"],
        "variant": question["variant"],
        "seed": BASE_SEED + episode,
        "episode": episode,
        "success": success,
        "steps": steps,
        "forwards": forwards,
        "memory_updates": forwards if question["num_mem_tokens"] else 0,
        "cue_steps": 3,
        "empty_steps": 2,
        "goal": "Red",
        "seconds": 1.5,
        "error": "RuntimeError: the simulator broke" if success is None else None,
        "mode": question["mode"],
        "memory": question["memory"],
        **fields,
    }


def write_cell(
    records: Path,
    variant: str,
    environment: str,
    outcomes: Sequence[bool | None],
    *,
    mode: str | None = None,
    memory: str = "active",
    control: str = "",
    asked: int | None = None,
    **question: Any,
) -> Path:
    """Write one file with `outcomes` (None: an error) of the episodes 0, 1, ...; return its path."""
    inference = mode or ("open_loop" if variant.startswith("oft") else "receding")
    given = provenance(variant, environment, inference, memory, len(outcomes) if asked is None else asked, **question)
    path = records / variant / (f"{environment}.{control}.jsonl" if control else f"{environment}.jsonl")
    with RecordFile(path, given) as file:
        for episode, success in enumerate(outcomes):
            file.append(record(given["question"], episode, success))
    return path
