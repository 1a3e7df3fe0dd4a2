"""A benchmark's conventions in vla-eval's terms, and whether a server's declared ones are the same.

A server declares in its HELLO what it reads and what it answers (vla-eval 0.8.0, specs.py). The format "raw" declares
nothing: what it stands for cannot be checked and is listed as unchecked in the provenance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from vla_eval.specs import IMAGE_RGB, LANGUAGE, DimSpec

from muvla.benchmark.benchmark import Benchmark
from muvla.files import Json

Specs = dict[str, DimSpec]
RAW = "raw"
ANY_CAMERA, WRISTS = "image", ("wrist_image", "wrist")  # the names of vla-eval's own servers
OURS = "muvla:"  # what the free text of a spec begins with where one of our servers describes its policy


class ConventionMismatch(ValueError):
    """A server reads or answers something else than the benchmark gives or takes."""


@dataclass(frozen=True)
class Declared:
    """What a server of ours says of the policy behind it."""

    checkpoint_sha256: str
    num_mem_tokens: int
    width: int
    per_forward: int

    def text(self) -> str:
        """Write it as the free text of a spec."""
        return OURS + json.dumps(asdict(self))


@dataclass(frozen=True)
class Wanted:
    """What is sent to a server, and which of its formats could not be checked."""

    wrist: bool
    state: bool
    unchecked: tuple[str, ...]


def action_specs(benchmark: Benchmark, description: str = "") -> Specs:
    """Return what the benchmark's simulator takes, by part. description: free text, for the first part."""
    parts = benchmark.wire.action.items()
    return {
        name: DimSpec(name, part.size, part.format, description="" if number else description)
        for number, (name, part) in enumerate(parts)
    }


def observation_specs(benchmark: Benchmark) -> Specs:
    """Return what the benchmark's simulator shows, by key."""
    wire = benchmark.wire
    state = DimSpec("state", wire.state.size, wire.state.format)
    return {**dict.fromkeys(wire.cameras, IMAGE_RGB), "state": state, "language": LANGUAGE}


def agreed(hello: Json, benchmark: Benchmark, address: str) -> Wanted:
    """Return what the server of this HELLO wants to see. A server without specs gets everything, unchecked.

    Raises ConventionMismatch: one line for each difference, naming both sides.
    """
    action, observation = _specs(hello, "action_spec"), _specs(hello, "observation_spec")
    params = hello.get("observation_params") or {}
    faults = [*_action_faults(action, benchmark), *_observation_faults(observation, benchmark)]
    faults += [
        f"it asks for {name}={value!r}, which {benchmark.title} has not under this protocol"
        for name, value in params.items()
        if value and (name == "absolute_action" or name.startswith("send_"))
        if name not in ("send_state", "send_wrist_image")
    ]
    if faults:
        name = hello.get("model_server", "the server")
        raise ConventionMismatch("\n  ".join([f"{name} at {address} does not fit {benchmark.title}:", *faults]))
    unchecked = [f"action.{key}" for key, spec in action.items() if spec.format == RAW]
    unchecked += [f"observation.{key}" for key, spec in observation.items() if spec.format == RAW]
    unchecked += [name for name, specs in (("action", action), ("observation", observation)) if not specs]
    wrists = {*WRISTS, benchmark.wire.cameras[1]}
    return Wanted(
        wrist=not observation or bool(params.get("send_wrist_image")) or bool(wrists & observation.keys()),
        state=not observation or bool(params.get("send_state")) or "state" in observation,
        unchecked=tuple(unchecked),
    )


def observed(benchmark: Benchmark, wanted: Wanted, pictures: np.ndarray, proprio: np.ndarray, instruction: str) -> Json:
    """Return an observation message. pictures (2, H, W, 3) uint8, proprio (P,)."""
    wire = benchmark.wire
    cameras = wire.cameras if wanted.wrist else wire.cameras[:1]
    message: Json = {"images": dict(zip(cameras, pictures, strict=False)), "task_description": instruction}
    return message | ({wire.state_key: proprio} if wanted.state else {})


def seen(benchmark: Benchmark, message: Json) -> tuple[np.ndarray, np.ndarray, str]:
    """Return pictures (2, H, W, 3) uint8, proprio (P,) and instruction of an observation message.

    Raises ConventionMismatch for a camera or a state that is missing or has another size.
    """
    wire, images = benchmark.wire, message.get("images")
    if not isinstance(images, Mapping) or not set(wire.cameras) <= images.keys():
        given = ", ".join(sorted(images)) if isinstance(images, Mapping) else ""
        raise ConventionMismatch(
            f"the policy looks through {' and '.join(wire.cameras)} of {benchmark.title}; the observation has "
            f"{given or 'no camera'}"
        )
    pictures = [np.asarray(images[camera]) for camera in wire.cameras]
    if any(one.ndim != 3 or one.shape != pictures[0].shape or one.dtype != np.uint8 for one in pictures):
        shapes = ", ".join(f"{one.shape} {one.dtype}" for one in pictures)
        raise ConventionMismatch(f"pictures must be (H, W, 3) uint8, both of one size; the observation has {shapes}")
    state = np.asarray(message.get("states", message.get("state", [])), np.float32)
    if state.shape != (wire.state.size,):
        raise ConventionMismatch(
            f"the policy reads {wire.state.size} numbers of robot state ({wire.state.format}); the observation has "
            f"{'none' if not state.size else f'an array of shape {state.shape}'}"
        )
    return np.stack(pictures), state, str(message.get("task_description", ""))


def declared(hello: Json) -> Declared | None:
    """Return what a server of ours says of its policy; None for others."""
    for spec in _specs(hello, "action_spec").values():
        if spec.description.startswith(OURS):
            return Declared(**json.loads(spec.description.removeprefix(OURS)))
    return None


def _specs(hello: Json, name: str) -> Specs:
    return {key: DimSpec.from_dict(spec) for key, spec in (hello.get(name) or {}).items()}


def _action_faults(action: Specs, benchmark: Benchmark) -> list[str]:
    if any(spec.format == RAW for spec in action.values()):
        return []
    ours, faults = action_specs(benchmark), []
    if action and list(action) != list(ours):
        faults.append(f"it answers {', '.join(action)}; the simulator takes {', '.join(ours)}, in this order")
    for key in ours.keys() & action.keys():
        fits, _ = action[key].is_compatible(ours[key])
        if not fits:
            faults.append(f"{key}: it answers {_text(action[key])}; the simulator takes {_text(ours[key])}")
    return sorted(faults)


def _observation_faults(observation: Specs, benchmark: Benchmark) -> list[str]:
    ours, faults = observation_specs(benchmark), []
    same = {ANY_CAMERA: benchmark.wire.cameras[0], **dict.fromkeys(WRISTS, benchmark.wire.cameras[1])}
    for key, spec in observation.items():
        if spec.format == RAW:
            continue
        given = ours.get(key) or ours.get(same.get(key, ""))
        if given is None:
            faults.append(f"{key}: it reads {_text(spec)}; the simulator gives {', '.join(ours)}")
        elif not given.is_compatible(spec)[0]:
            faults.append(f"{key}: it reads {_text(spec)}; the simulator gives {_text(given)}")
    return faults


def _text(spec: DimSpec) -> str:
    accepted = " or ".join(sorted(spec.accepts)) if spec.accepts else spec.format
    return f"{accepted} ({spec.dims})" if spec.dims else accepted
