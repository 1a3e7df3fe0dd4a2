"""The bridge to vla-eval, both ways, in the real simulator: records over the wire, its own client, a killed server."""

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vla_eval.api import serve_background
from vla_eval.benchmarks.base import StepBenchmark, StepResult
from vla_eval.connection import Connection
from vla_eval.runners.sync_runner import SyncEpisodeRunner

from made_up import write_checkpoint, write_flow_checkpoint
from muvla.benchmark.mikasa import MIKASA
from muvla.evaluate import __main__ as evaluation
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.evaluate.remote.conventions import action_specs, observation_specs
from muvla.evaluate.remote.policy import ServerError
from muvla.model.architecture import MemorySettings
from muvla.options import SettingsError, read
from muvla.records.file import RecordsMismatch, read_cell
from muvla.serve.server import PolicyServer
from muvla.sim.simulator import make_simulator

SEED = 4242424242
YES = np.array([True])


def evaluated(output: Path, *more: str) -> list[dict[str, Any]]:
    """Records of an evaluation, but for the time that they took."""
    evaluation.evaluate(read(EvaluateSettings, [f"output={output}", "slots=1", *more]))
    lines = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.slow
def test_a_policy_behind_the_socket_makes_the_records_that_it_makes_in_process(folder: Path, tmp_path: Path) -> None:
    write_flow_checkpoint(tmp_path / "pi05")  # its noise follows the episode's seed, which goes over the wire
    oft = write_checkpoint(tmp_path / "oft", MemorySettings())
    for name, checkpoint in (("m64_k2", folder), ("oft", oft), ("pi05", tmp_path / "pi05")):
        here = evaluated(tmp_path / f"here_{name}.jsonl", f"checkpoint={checkpoint}", f"name={name}", "episodes=2")
        with serve_background(PolicyServer(Policy(checkpoint, slots=1))) as server:
            wire = evaluated(tmp_path / f"wire_{name}.jsonl", f"policy={server.url}", f"name={name}", "episodes=2")
        assert wire == here
        ours, theirs = (read_cell(tmp_path / f"{where}_{name}.jsonl").settings for where in ("here", "wire"))
        assert ours["checkpoint_sha256"] == theirs["checkpoint_sha256"]
        assert (ours["num_mem_tokens"], ours["width"]) == (theirs["num_mem_tokens"], theirs["width"])
        assert theirs["server"]["model_server"] == "PolicyServer"


class Remembering(StepBenchmark):
    """MIKASA-Robo as a benchmark of vla-eval's, seeded; it keeps the actions that arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.simulator = make_simulator("RememberColor3", actions_per_step=1)
        self.actions: list[np.ndarray] = []

    def get_tasks(self) -> list[dict[str, Any]]:
        return [{"name": "RememberColor3"}]

    def reset(self, task: dict[str, Any]) -> Any:
        observation, self.info = self.simulator.reset(seed=SEED)
        return observation

    def step(self, action: dict[str, Any]) -> StepResult:
        self.actions.append(action["actions"])
        observation, _, _, truncated, self.info = self.simulator.step(action["actions"][None])
        return StepResult(obs=observation, reward=0.0, done=truncated or self.info["success"], info=self.info)

    def make_obs(self, raw_obs: Any, task: dict[str, Any]) -> dict[str, Any]:
        images = dict(zip(MIKASA.wire.cameras, raw_obs["image"], strict=True))
        return {"images": images, "state": raw_obs["proprio"], "task_description": self.info["instruction"]}

    def check_done(self, step_result: StepResult) -> bool:
        return bool(step_result.done)

    def get_step_result(self, step_result: StepResult) -> dict[str, Any]:
        return {"success": bool(step_result.info["success"])}

    def get_action_spec(self) -> dict[str, Any]:
        return action_specs(MIKASA)

    def get_observation_spec(self) -> dict[str, Any]:
        return observation_specs(MIKASA)


@pytest.mark.slow
def test_vla_evals_own_client_gets_the_actions_of_the_policy_in_process(folder: Path) -> None:
    benchmark = Remembering()

    async def episodes(url: str) -> list[dict[str, Any]]:
        async with Connection(url, timeout=60, max_retries=1) as connection:
            task = benchmark.get_tasks()[0]
            return [await SyncEpisodeRunner().run_episode(benchmark, task, connection) for _ in range(2)]

    with closing(benchmark.simulator):
        with serve_background(PolicyServer(Policy(folder, slots=2))) as server:
            results = asyncio.run(episodes(server.url))
        assert [result["steps"] for result in results] == [25, 25]
        assert np.array_equal(benchmark.actions[:25], benchmark.actions[25:])  # the memory began anew
        policy, simulator = Policy(folder, slots=1), benchmark.simulator
        observation, info = simulator.reset(seed=SEED)
        for step in range(25):
            image, state = observation["image"][None], observation["proprio"][None]
            (command,) = policy.act(image, state, [str(info["instruction"])], np.array([not step]), YES)
            assert np.array_equal(command[0], benchmark.actions[step])
            observation, *_, info = simulator.step(command[:1])


@contextmanager
def scripted(port: int, *arguments: str) -> Iterator[None]:
    command = [sys.executable, str(Path(__file__).with_name("wire_server.py")), "--address", f"127.0.0.1:{port}"]
    with subprocess.Popen([*command, *arguments], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield
        finally:
            process.kill()


@pytest.mark.slow
def test_an_evaluation_goes_on_after_its_server_was_killed(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [f"policy=ws://127.0.0.1:{port}", "name=oft", "episodes=3"]
    path = tmp_path / "RememberColor3.jsonl"
    with scripted(port, "--args.fault=dies", "--args.after=30"), pytest.raises(ServerError, match="is gone"):
        evaluated(path, *words)
    cell = read_cell(path)
    assert (cell.episodes, cell.errors) == (1, 1)
    with scripted(port, "--args.camera=base_camera"), pytest.raises(RecordsMismatch, match="server.observation_spec"):
        evaluated(path, *words)  # another server
    with scripted(port):
        records = evaluated(path, *words)
    assert [record["success"] for record in records] == [False, None, False, False]
    assert (read_cell(path).episodes, read_cell(path).errors) == (3, 0)
    with scripted(port):
        assert evaluated(tmp_path / "whole.jsonl", *words) == [one for one in records if one["error"] is None]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["policy=ws://x:1", "name=a", "checkpoint=b"], "checkpoint is given together with policy=ws://x:1"),
        (["policy=ws://x:1", "name=a", "memory=zero"], "memory is given together with policy"),
        (["policy=ws://x:1"], "policy needs name=NAME"),
        (["server_chunk=2"], "server_chunk is given: it is for policy=ws://HOST:PORT"),
    ],
)
def test_options_of_the_two_ways_exclude_each_other(words: list[str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(EvaluateSettings, words)
