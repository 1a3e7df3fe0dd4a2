"""Tracing an episode: what is recorded is what acted, and the first success is taken."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from made_up import INSTRUCTION, write_checkpoint
from muvla import trace
from muvla.evaluate import __main__ as evaluate
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.files import file_sha256
from muvla.model.architecture import MemorySettings
from muvla.model.attention import group_shares, layout_of, to_patches, watched
from muvla.options import SettingsError, read
from muvla.records.trace import read_trace


class ThreeSteps:
    """A simulator whose episode has a cue, a gap and a choice; it succeeds with even seeds only."""

    def __init__(self) -> None:
        self.closed, self.seeds, self.time, self.given = False, [], 0, []

    def reset(self, *, seed: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        self.seeds.append(seed)
        self.time = 0
        return self._observation(), self._info(False)

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        assert action.shape == (1, 7)
        self.given.append(action)
        self.time += 1
        over = self.time == 3
        return self._observation(), 0.0, False, over, self._info(over and self.seeds[-1] % 2 == 0)

    def close(self) -> None:
        self.closed = True

    def provenance(self) -> dict[str, Any]:
        return {"benchmark": "made up"}

    def _observation(self) -> dict[str, np.ndarray]:
        image = np.random.default_rng([self.seeds[-1], self.time]).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
        return {"image": image, "proprio": np.full(7, 0.1 * self.time, np.float32)}

    def _info(self, success: bool) -> dict[str, Any]:
        phase = ("cue", "empty", "act", "act")[self.time]
        return {"instruction": INSTRUCTION, "success": success, "steps": self.time, "phase": phase, "goal": "Red"}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> ThreeSteps:
    made = ThreeSteps()
    monkeypatch.setattr(trace, "preflight", lambda *_: None)
    monkeypatch.setattr(trace, "make_simulator", lambda *_, **__: made)
    return made


def configured(checkpoint: Path, output: Path, *more: str) -> trace.TraceSettings:
    return read(trace.TraceSettings, [f"checkpoint={checkpoint}", f"output={output}", *more])


def acted(policy: Policy) -> np.ndarray:
    """The commands (3, C, A) of three steps of an episode."""
    simulator, yes = ThreeSteps(), np.array([True])
    observation, _ = simulator.reset(seed=5)
    rows = []
    for step in range(3):
        image, proprio = observation["image"][None], observation["proprio"][None]
        rows.append(policy.act(image, proprio, [INSTRUCTION], np.array([step == 0]), yes)[0])
        observation, *_ = simulator.step(rows[-1][:1])
    return np.stack(rows)


def test_recorded_actions_are_the_evaluations_to_the_bit(tmp_path: Path) -> None:
    policy = Policy(write_checkpoint(tmp_path / "policy"), slots=1)
    before = acted(policy)
    with watched(policy.cell) as seen:
        recorded = acted(policy)
    np.testing.assert_array_equal(recorded, before)
    assert len(seen) == 3
    np.testing.assert_array_equal(acted(policy), before)


def test_what_is_recorded_is_of_the_forward_that_acts(tmp_path: Path) -> None:
    policy = Policy(write_checkpoint(tmp_path / "policy"), slots=1)
    with watched(policy.cell) as seen:
        acted(policy)
    last = seen[-1]
    layout = layout_of(policy.cell, last.weights.shape[-1])
    assert torch.equal(last.read[: layout.memory], policy.memory[0])  # what it remembered, to the bit
    assert last.weights.shape == (2, layout.length, layout.length)
    torch.testing.assert_close(last.weights.sum(dim=-1), torch.ones(2, layout.length))
    groups, shares = group_shares(last.weights, layout)
    torch.testing.assert_close(shares.sum(dim=-1), torch.ones(2, 7))
    queries, patches = to_patches(last.weights, layout, cameras=2)
    assert queries == ["MEM", "ACTION"]
    to_vision = shares[:, [groups.index(query) for query in queries], groups.index("VISION")]
    torch.testing.assert_close(patches.sum(dim=(-1, -2)), to_vision)
    assert torch.equal(patches[1, 0, 1, 2], last.weights[1, layout.memory_slice, 1 + 4 + 2].mean())


def test_every_episode_is_written_with_what_its_memory_did(tmp_path: Path, simulator: ThreeSteps) -> None:
    folder = write_checkpoint(tmp_path / "policy")
    output = tmp_path / "traces" / "RememberColor3"
    trace.trace(configured(folder, output, "seed=7", "episodes=2"))
    assert simulator.seeds == [7, 8]
    assert simulator.closed
    assert [read_trace(output / f"{seed}.npz").about["success"] for seed in (7, 8)] == [False, True]
    found = read_trace(output / "8.npz")
    kept = {"seed": 8, "success": True, "steps": 3, "variant": "policy"}  # named after its folder
    assert kept.items() <= found.about.items()
    assert found.phases.tolist() == ["cue", "empty", "act"]
    assert found.attention.shape == (3, 2, 2, 2, 4)
    np.testing.assert_array_equal(found.actions, simulator.given[3:])
    simulator.reset(seed=8)
    np.testing.assert_array_equal(found.frames[0], simulator._observation()["image"])
    with np.load(output / "8.npz") as content:
        memory = content["memory"]
    assert memory.shape == (3, 3, 16)
    np.testing.assert_allclose(found.norms, np.linalg.norm(memory, axis=-1), rtol=1e-5)
    unit = memory / np.linalg.norm(memory, axis=-1, keepdims=True)
    np.testing.assert_allclose(found.distances, 1 - (unit[1:] * unit[:-1]).sum(axis=-1), atol=1e-6)
    beside = json.loads((output / "8.json").read_text("utf-8"))
    assert beside["npz_sha256"] == file_sha256(output / "8.npz")
    assert (beside["seed"], beside["success"], beside["simulator"]) == (8, True, {"benchmark": "made up"})


def test_the_memory_itself_can_be_left_out(tmp_path: Path, simulator: ThreeSteps) -> None:
    folder = write_checkpoint(tmp_path / "policy")
    with pytest.raises(SettingsError, match="episodes is 0: it must be an integer of at least 1"):
        configured(folder, tmp_path, "seed=7", "episodes=0")
    trace.trace(configured(folder, tmp_path, "seed=7", "keep_memory=false"))
    assert read_trace(tmp_path / "7.npz").norms is not None
    with np.load(tmp_path / "7.npz") as content:
        assert "memory" not in content


def test_a_trace_of_another_version_is_named(tmp_path: Path, simulator: ThreeSteps) -> None:
    trace.trace(configured(write_checkpoint(tmp_path / "policy"), tmp_path, "seed=7"))
    with np.load(tmp_path / "7.npz") as content:
        np.savez(tmp_path / "old.npz", **{name: content[name] for name in content if name != "actions"})
    with pytest.raises(ValueError, match=r"old\.npz .* another version, without actions.* python -m muvla\.trace"):
        read_trace(tmp_path / "old.npz")


def test_without_memory_only_the_attention_of_the_actions_is_kept(tmp_path: Path, simulator: ThreeSteps) -> None:
    folder = write_checkpoint(tmp_path / "policy", MemorySettings())
    trace.trace(configured(folder, tmp_path, "seed=8", "mode=receding"))
    found = read_trace(tmp_path / "8.npz")
    assert found.queries.tolist() == ["ACTION"]
    assert found.attention.shape == (3, 2, 1, 2, 4)
    assert found.norms is None
    assert "MEM" not in found.groups


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "policy")
    for more, told in (
        (["environment=libero_object/0"], "belongs to LIBERO"),
        (["environment=libero_object/0", "episodes=51"], "there are 0 to 49"),
        (["reset_rule=release"], "RememberColor3 has no reset_rule"),
        (["mode=sometimes"], "mode is sometimes: it must be auto or receding or open_loop"),
    ):
        with pytest.raises(ValueError, match=told):
            trace.trace(configured(folder, tmp_path, *more))


@pytest.mark.slow
def test_the_real_simulator_shows_the_evaluations_episode(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "m64_k8")
    film = tmp_path / "film.npz"
    trace.trace(configured(folder, tmp_path))
    records = tmp_path / "RememberColor3.jsonl"
    options = [f"checkpoint={folder}", f"output={records}", "episodes=1", "slots=1", f"frames={film}"]
    evaluate.evaluate(read(EvaluateSettings, options))
    found = read_trace(tmp_path / "4242424242.npz")
    record = json.loads(records.read_text("utf-8"))
    assert {key: found.about[key] for key in ("seed", "goal")} == {key: record[key] for key in ("seed", "goal")}
    with np.load(film) as content:
        frames, labels = content["frames"], content["labels"]
    assert found.phases.tolist()[: record["cue_steps"] + 1] == labels.tolist()[: record["cue_steps"] + 1]
    np.testing.assert_array_equal(np.concatenate(list(found.frames[0])), frames[0])
    assert found.steps.tolist() == list(range(found.about["steps"]))
    assert abs(found.shares.sum(axis=-1) - 1).max() < 1e-5
