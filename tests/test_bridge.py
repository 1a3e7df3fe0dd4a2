"""The bridge to vla-eval, both ways, over real sockets: its client and base class, ours, and servers that misbehave."""

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
from vla_eval.model_servers.oft import OFTModelServer
from vla_eval.runners.sync_runner import SyncEpisodeRunner

from made_up import INSTRUCTION, write_checkpoint
from muvla.benchmark.libero import LIBERO
from muvla.benchmark.mikasa import MIKASA
from muvla.evaluate import __main__ as evaluation
from muvla.evaluate.options import EvaluateSettings
from muvla.evaluate.policy import Policy
from muvla.evaluate.remote.conventions import ConventionMismatch, action_specs, agreed, observation_specs
from muvla.evaluate.remote.policy import RemotePolicy, ServerError
from muvla.model.architecture import MemorySettings
from muvla.options import SettingsError, read
from muvla.records.file import RecordsMismatch, read_cell
from muvla.serve.server import PolicyServer
from muvla.sim.simulator import make_simulator
from wire_server import ANSWER, ScriptedServer

SEED = 4242424242
YES = np.array([True])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("policy") / "m64_k2")


def evaluated(output: Path, *more: str) -> list[dict[str, Any]]:
    """Records of an evaluation, but for the time that they took."""
    evaluation.evaluate(read(EvaluateSettings, [f"output={output}", "slots=1", *more]))
    lines = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.slow
def test_a_policy_behind_the_socket_makes_the_records_that_it_makes_in_process(folder: Path, tmp_path: Path) -> None:
    for name, checkpoint in (("m64_k2", folder), ("oft", write_checkpoint(tmp_path / "oft", MemorySettings()))):
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


def asked(remote: RemotePolicy, steps: int = 1, slots: int = 1) -> list[np.ndarray]:
    """Actions in answer to the same noise at every call."""
    rng, answers = np.random.default_rng(0), []
    for step in range(steps):
        images = rng.integers(0, 256, (slots, 2, 64, 64, 3), dtype=np.uint8)
        proprio = rng.normal(size=(slots, remote.benchmark.proprio_width)).astype(np.float32)
        first, active = np.full(slots, not step), np.full(slots, True)
        answers.append(remote.act(images, proprio, [INSTRUCTION] * slots, first, active)[:, 0])
    return answers


def connected(url: str, slots: int = 1, environment: str = "RememberColor3", **more: Any) -> RemotePolicy:
    return RemotePolicy(url, environment, slots=slots, **{"timeout": 30.0, **more})


def answers(remote: RemotePolicy) -> bool:
    try:
        asked(remote)
    except ServerError:
        time.sleep(0.1)
        return False
    return True


def test_sessions_have_memories_of_their_own_and_slots_run_out(folder: Path) -> None:
    with serve_background(PolicyServer(Policy(folder, slots=2))) as server:
        with closing(connected(server.url, slots=2)) as both:
            together = asked(both, 3, slots=2)
            both.end_episode(0, success=False, steps=3)
            both.end_episode(1, success=False, steps=3)
            np.testing.assert_allclose(asked(both, 3, slots=2), together, atol=1e-5)
            with closing(connected(server.url)) as third, pytest.raises(ServerError, match="all 2 slots are taken"):
                asked(third)
        with closing(connected(server.url)) as later:  # the server soon hears that the two are gone
            assert any(answers(later) for _ in range(50))


def test_chunks_run_as_the_protocol_has_them_whoever_keeps_them() -> None:
    for keeps in (True, False):
        served = ScriptedServer(chunk=4, keeps_chunk=keeps)
        with serve_background(served) as server:
            with closing(connected(server.url, server_chunk=4)) as remote:
                assert all(np.array_equal(answer[0], ANSWER) for answer in asked(remote, 6))
                assert remote.forwards.tolist() == [2]
                asked(remote, 1)  # a new episode plans anew
                assert remote.forwards.tolist() == [1]
            assert len(served.seen) == 3
    with (
        serve_background(ScriptedServer(chunk=4, keeps_chunk=False)) as server,
        closing(connected(server.url)) as remote,
        pytest.raises(ServerError, match="plans of 4 actions: say with server_chunk=N"),
    ):
        asked(remote)


def test_a_server_gets_what_it_wants_and_no_more() -> None:
    served = ScriptedServer()
    with serve_background(served) as server, closing(connected(server.url)) as remote:
        asked(remote)
    (message,) = served.seen
    assert list(message) == ["images", "task_description"]
    assert list(message["images"]) == ["base_camera"]
    pictures = np.random.default_rng(0).integers(0, 256, (1, 2, 64, 64, 3), dtype=np.uint8)
    assert np.array_equal(message["images"]["base_camera"], pictures[0, 0])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("nan", "answered NaN or infinity"),
        ("shape", r"answered actions of shape \(8,\); MIKASA-Robo takes \(7,\)"),
        ("pose", "answered no actions, but pose"),
        ("slow", r"did not answer within 1 s; timeout=SECONDS"),
        ("error", "reports an error: .*observation/image"),
    ],
)
def test_nonsense_is_an_error_that_says_what_came(fault: str, said: str) -> None:
    with (
        serve_background(ScriptedServer(fault=fault, after=1)) as server,
        closing(connected(server.url, timeout=1 if fault == "slow" else 30)) as remote,
        pytest.raises(ServerError, match=said),
    ):
        asked(remote, 2)


def test_the_answer_to_an_earlier_observation_is_not_taken_for_the_present_one() -> None:
    with (
        serve_background(ScriptedServer(fault="slow", after=1)) as server,
        closing(connected(server.url, timeout=1)) as remote,
    ):
        with pytest.raises(ServerError, match="did not answer"):
            asked(remote, 2)
        time.sleep(1.6)
        with pytest.raises(ServerError, match=r"sent action number \d in answer to observation number \d"):
            asked(remote)


def test_nobody_there_is_an_error_that_says_where() -> None:
    with pytest.raises(ServerError, match=r"no policy server answers at ws://127.0.0.1:9 "):
        connected("ws://127.0.0.1:9", timeout=2.0)


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


def hello(server: Any) -> dict[str, Any]:
    return {
        "model_server": type(server).__name__,
        "observation_params": server.get_observation_params(),
        "action_spec": {key: spec.to_dict() for key, spec in server.get_action_spec().items()},
        "observation_spec": {key: spec.to_dict() for key, spec in server.get_observation_spec().items()},
    }


def test_conventions_are_compared_and_a_mismatch_names_both_sides() -> None:
    oft = OFTModelServer.__new__(OFTModelServer)  # the real declaration without its weights
    oft.num_images_in_input, oft.use_proprio = 2, True
    wanted = agreed(hello(oft), LIBERO, "ws://here")
    assert (wanted.wrist, wanted.state, wanted.unchecked) == (True, True, ())
    with pytest.raises(ConventionMismatch) as error:
        agreed(hello(oft), MIKASA, "ws://here")
    assert str(error.value).splitlines() == [
        "OFTModelServer at ws://here does not fit MIKASA-Robo:",
        "  gripper: it answers binary_close_positive (1); the simulator takes binary_close_negative (1)",
        "  rotation: it answers axis_angle (3); the simulator takes euler_xyz (3)",
        "  state: it reads eef_pos3_axisangle3_gripper2 (8); the simulator gives eef_pos3_euler3_gripper1 (7)",
    ]
    with pytest.raises(ConventionMismatch, match="agentview: it reads rgb_hwc_uint8; the simulator gives base_camera"):
        agreed(hello(ScriptedServer(camera="agentview")), MIKASA, "ws://here")
    with pytest.raises(ConventionMismatch, match="asks for absolute_action=True"):
        agreed({"observation_params": {"absolute_action": True}}, LIBERO, "ws://here")
    assert agreed(hello(ScriptedServer("raw")), MIKASA, "ws://here").unchecked == ("action.actions",)
    assert agreed({}, MIKASA, "ws://here").unchecked == ("action", "observation")


def test_our_server_refuses_other_cameras_and_other_states(folder: Path) -> None:
    async def answer(url: str, message: dict[str, Any]) -> Any:
        async with Connection(url, timeout=30, max_retries=1) as connection:
            await connection.start_episode({})
            return await connection.act(message)

    picture = np.zeros((32, 32, 3), np.uint8)
    right = {
        "images": dict.fromkeys(MIKASA.wire.cameras, picture),
        "state": np.zeros(7),
        "task_description": INSTRUCTION,
    }
    with serve_background(PolicyServer(Policy(folder, slots=1))) as server:
        assert asyncio.run(answer(server.url, right))["actions"].shape == (7,)
        for wrong, said in (
            ({"images": {"agentview": picture}}, "base_camera and hand_camera.*the observation has agentview"),
            ({"state": np.zeros(8)}, "reads 7 numbers of robot state.*shape \\(8,\\)"),
        ):
            with pytest.raises(RuntimeError, match=said):
                asyncio.run(answer(server.url, right | wrong))


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
