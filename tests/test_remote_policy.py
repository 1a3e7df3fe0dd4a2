"""The client, the server and the conventions of the bridge to vla-eval, over real sockets and without a simulator."""

import asyncio
import shlex
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonargparse import ArgumentParser
from vla_eval.api import serve_background
from vla_eval.connection import Connection
from vla_eval.model_servers.lerobot import LeRobotModelServer
from vla_eval.model_servers.oft import OFTModelServer

from made_up import INSTRUCTION
from muvla.benchmark.libero import LIBERO
from muvla.benchmark.mikasa import MIKASA
from muvla.evaluate.policy import Policy
from muvla.evaluate.remote.conventions import ConventionMismatch, agreed
from muvla.evaluate.remote.policy import RemotePolicy, ServerError
from muvla.files import ROOT
from muvla.serve.policies import read_policy
from muvla.serve.server import PolicyServer
from wire_server import ANSWER, ScriptedServer


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


def test_a_server_of_this_machine_is_reached_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.org")
    with serve_background(ScriptedServer()) as server, closing(connected(server.url)) as remote:
        asked(remote)


def test_nobody_there_is_an_error_that_says_where() -> None:
    with pytest.raises(ServerError, match=r"no policy server answers at ws://127.0.0.1:9 "):
        connected("ws://127.0.0.1:9", timeout=2.0)


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


def test_the_entry_of_pi05_starts_lerobots_server_and_fits_mikasa() -> None:
    words = shlex.split(read_policy(ROOT / "config/policies/pi05.yaml")["benchmarks"]["mikasa"]["command"])
    assert words[:3] == ["python", "-m", LeRobotModelServer.__module__]
    parser = ArgumentParser(exit_on_error=False)  # as vla-eval's run_server makes it
    parser.add_argument("--address")
    parser.add_class_arguments(LeRobotModelServer, nested_key="args", fail_untyped=False, sub_configs=True)
    options = parser.parse_args(words[3:]).args
    assert (options.policy_type, options.chunk_size) == ("pi05", 8)
    assert tuple(options.image_keys) == MIKASA.wire.cameras, "a camera without a name would be left out"
    lerobot = LeRobotModelServer.__new__(LeRobotModelServer)
    lerobot.state_key, lerobot._expected_image_keys, lerobot._image_keys_arg = options.state_key, [], options.image_keys
    wanted = agreed(hello(lerobot), MIKASA, "ws://here")
    assert (wanted.wrist, wanted.state) == (True, True)
    assert wanted.unchecked == ("action.actions", "observation.state")


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
