"""Statistics over joint data sets, their files, and the normalisation made from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from muvla.benchmark.benchmark import benchmarks
from muvla.benchmark.libero import LIBERO
from muvla.benchmark.mikasa import MIKASA
from muvla.data import compute_statistics as compute
from muvla.data.compute_statistics import compute_statistics, joint_entry
from muvla.data.episode import Episode
from muvla.data.rlds.dataset import RldsDataset, write_dataset
from muvla.data.statistics import Bounds, parse_statistics, read_entries

GOLDEN = Path(__file__).parent / "golden"
MIKASA_SETS = ("take_it_back_vla_v0", "remember_color_5_vla_v0")


def make_set(root: Path, name: str, seed: int = 0, proprio: int = 7) -> RldsDataset:
    rng = np.random.default_rng([seed, len(name)])
    episodes = [
        Episode(
            environment=name,
            instruction="Wait.",
            images=np.zeros((frames, 2, 4, 4, 3), np.uint8),
            proprio=rng.normal(size=(frames, proprio)).astype(np.float32),
            actions=rng.uniform(-1, 1, (frames, 7)).astype(np.float32),
            file_path=f"{name}/{frames}",
        )
        for frames in (5, 9)
    ]
    return RldsDataset(write_dataset(root, name, episodes, overwrite=True))


@pytest.fixture
def sets(tmp_path):
    return [make_set(tmp_path, name) for name in MIKASA_SETS]


def test_statistics_are_those_of_all_frames_together(sets):
    body = compute_statistics(sets)
    assert (body["num_transitions"], body["num_trajectories"]) == (28, 4)
    for part, position in (("proprio", 0), ("action", 1)):
        values = np.concatenate([dataset.motion(i)[position] for dataset in sets for i in range(2)]).astype(np.float64)
        ordered = np.sort(values, axis=0)
        low, high = 0.01 * 27, 0.99 * 27  # position of the quantile among 28 sorted values
        expected = {
            "mean": values.mean(0),
            "std": np.sqrt(((values - values.mean(0)) ** 2).mean(0)),
            "min": ordered[0],
            "max": ordered[-1],
            "q01": ordered[0] + low * (ordered[1] - ordered[0]),
            "q99": ordered[26] + (high - 26) * (ordered[27] - ordered[26]),
        }
        assert set(body[part]) == set(expected)
        for name, row in expected.items():
            np.testing.assert_allclose(body[part][name], row, atol=1e-6, err_msg=f"{part} {name}")
    assert compute_statistics(sets[::-1]) == body


def test_libero_statistics_are_of_the_standardised_gripper(tmp_path):
    dataset = make_set(tmp_path, "libero_goal_no_noops", proprio=8)
    body = compute_statistics([dataset])
    raw = np.concatenate([dataset.motion(i)[1] for i in range(2)])
    assert raw[:, 6].min() < 0
    np.testing.assert_allclose(body["action"]["mean"][6], (1 - raw[:, 6].clip(0, 1)).mean(), atol=1e-6)
    np.testing.assert_allclose(body["action"]["mean"][:6], raw[:, :6].mean(0), atol=1e-6)
    written = joint_entry(body, LIBERO)
    assert list(written) == ["libero_combined"]
    assert written["libero_combined"]["action"]["mask"] == [True] * 6 + [False]
    assert parse_statistics(written).action.mask.tolist() == [True] * 6 + [False]
    assert parse_statistics({"libero_combined": body}).action.mask.tolist() == [True] * 6 + [False]


def test_the_file_has_the_released_layout(tmp_path, sets):
    body = compute_statistics(sets)
    assert joint_entry(body, MIKASA) == {"mikasa_combined": body}
    (tmp_path / "dataset_statistics.json").write_text(json.dumps(joint_entry(body, MIKASA)))
    read = parse_statistics(read_entries(tmp_path))
    assert read.key == "mikasa_combined"
    assert read.action.mask.all()
    assert read.proprio.mask.all()
    np.testing.assert_array_equal(read.action.q99, body["action"]["q99"])
    np.testing.assert_array_equal(read.proprio.q01, body["proprio"]["q01"])


def test_the_cache_answers_until_the_data_change(tmp_path, sets, monkeypatch):
    cache = tmp_path / "cache"
    body = compute.cached_statistics(sets, cache)
    (file,) = cache.iterdir()
    assert file.name.startswith("mikasa_statistics_")
    assert "mask" not in body["action"]
    with monkeypatch.context() as patched:
        patched.setattr(compute, "compute_statistics", lambda datasets: pytest.fail("the cache was not used"))
        assert compute.cached_statistics(sets[::-1], cache) == body
    file.write_text("{")
    assert compute.cached_statistics(sets, cache) == body
    assert json.loads(file.read_text()) == body
    changed = [sets[0], make_set(tmp_path, MIKASA_SETS[1], seed=1)]
    other = compute.cached_statistics(changed, cache)
    assert other != body
    assert other == compute_statistics(changed)
    assert len(list(cache.iterdir())) == 2


def test_mixtures_that_make_no_sense_are_refused(tmp_path, sets):
    with pytest.raises(ValueError, match="at least one data set and each only once"):
        compute_statistics([])
    with pytest.raises(ValueError, match="each only once"):
        compute_statistics([sets[0], sets[0]])
    with pytest.raises(ValueError, match="one benchmark"):
        compute_statistics([sets[0], make_set(tmp_path, "libero_goal_no_noops", proprio=8)])


ENTRY = {"q01": [-1.0] * 7, "q99": [1.0] * 7}
GOOD = {"action": ENTRY, "proprio": ENTRY}


@pytest.mark.parametrize(
    ("content", "key", "message"),
    [
        (
            {"mikasa_combined": GOOD},
            "libero_combined",
            r"no entry 'libero_combined', only \['mikasa_combined'\]",
        ),
        (
            {"remember_color_5_vla_v0": GOOD},
            None,
            r"no single joint entry .* one of \['remember_color_5_vla_v0'\]",
        ),
        ({"mikasa_combined": GOOD, "libero_combined": GOOD}, None, "no single joint entry"),
        (
            {"mikasa_combined": {"action": ENTRY}},
            None,
            "entry 'mikasa_combined': proprio statistics lack 'proprio'",
        ),
        ({"mikasa_combined": {**GOOD, "action": {"q01": [0.0]}}}, None, "action statistics lack 'q99'"),
        ({"mikasa_combined": {**GOOD, "action": {**ENTRY, "q99": [1.0]}}}, None, "not one width"),
        ({"mikasa_combined": {**GOOD, "action": {**ENTRY, "mask": [True]}}}, None, "not one width"),
        ({"mikasa_combined": {**GOOD, "action": {**ENTRY, "q99": [-2.0] * 7}}}, None, "finite q01 <= q99"),
        ({"mikasa_combined": {**GOOD, "action": {**ENTRY, "q01": "none"}}}, None, "not lists of numbers"),
        ([1, 2], None, "must hold a JSON object, not a list"),
    ],
)
def test_a_file_that_lacks_something_says_what(tmp_path, content, key, message):
    (tmp_path / "dataset_statistics.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        parse_statistics(read_entries(tmp_path), key)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"dataset_statistics\.json is missing"):
        read_entries(tmp_path)
    (tmp_path / "dataset_statistics.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        read_entries(tmp_path)


finite = st.floats(-10, 10, width=32)


@settings(max_examples=100)
@given(
    low=arrays(np.float32, 7, elements=finite),
    spread=arrays(np.float32, 7, elements=st.floats(0.0078125, 10, width=32)),
    values=arrays(np.float32, (5, 7), elements=finite),
    mask=arrays(bool, 7),
)
def test_normalising_and_back(low, spread, values, mask):
    bounds = Bounds(low.astype(np.float64), (low + spread).astype(np.float64), mask)
    normalised = bounds.normalise(values)
    assert normalised.dtype == np.float32
    assert (np.abs(normalised[:, mask]) <= 1).all()
    back = bounds.unnormalise(normalised)
    np.testing.assert_allclose(back[:, mask], values.clip(low, low + spread)[:, mask], atol=1e-4)
    np.testing.assert_array_equal(normalised[:, ~mask], values[:, ~mask])
    np.testing.assert_array_equal(back[:, ~mask], values[:, ~mask])


def test_values_of_another_benchmark_are_refused():
    bounds = Bounds(np.zeros(8), np.ones(8), np.ones(8, bool))
    with pytest.raises(ValueError, match="same benchmark"):
        bounds.normalise(np.zeros((3, 7), np.float32))
    with pytest.raises(ValueError, match="floats"):
        bounds.unnormalise(np.zeros((3, 8), np.int64))


@pytest.mark.parametrize("benchmark", ["mikasa", "libero"])
def test_normalisation_equals_the_original(benchmark):
    with np.load(GOLDEN / "normalisation.npz", allow_pickle=False) as stored:
        golden = {name.removeprefix(f"{benchmark}_"): stored[name] for name in stored.files if benchmark in name}
    mask = golden.get("action_mask", np.ones(7, bool))
    action = Bounds(golden["action_q01"].astype(np.float64), golden["action_q99"].astype(np.float64), mask)
    q01, q99 = golden["proprio_q01"].astype(np.float64), golden["proprio_q99"].astype(np.float64)
    proprio = Bounds(q01, q99, np.ones(len(q01), bool))
    normalised = action.normalise(golden["raw_action"])
    np.testing.assert_allclose(normalised, golden["normalised_action"], atol=1e-6)
    np.testing.assert_allclose(action.unnormalise(golden["normalised_action"]), golden["roundtrip_action"], atol=1e-6)
    raw = golden["raw_proprio"]
    np.testing.assert_allclose(proprio.normalise(raw), golden["normalised_proprio_train"], atol=1e-6)
    wide = proprio.normalise(raw.astype(np.float64))
    np.testing.assert_allclose(wide, golden["normalised_proprio_eval_float64"], atol=1e-12)
    predicted = action.unnormalise(golden["predicted_normalised"])
    np.testing.assert_allclose(predicted, golden["predicted_unnormalised"], atol=1e-6)
    command = benchmarks()[benchmark].command
    np.testing.assert_allclose(command(golden["predicted_unnormalised"]), golden["sent_to_env"], atol=1e-12)


def test_the_gripper_of_libero_is_standardised_as_in_the_original():
    with np.load(GOLDEN / "normalisation.npz", allow_pickle=False) as stored:
        raw, expected = stored["libero_raw_gripper_commands"], stored["libero_dataset_gripper"]
    actions = np.zeros((len(raw), 7), np.float32)
    actions[:, 6] = raw
    np.testing.assert_allclose(LIBERO.standardise(actions)[:, 6], expected, atol=1e-7)
    assert actions[0, 6] == raw[0]  # what was read stays as it is


def test_a_released_checkpoints_statistics_unnormalise_its_actions():
    read = parse_statistics(read_entries(GOLDEN / "policy"))
    assert read.key == "mikasa_combined"
    assert len(read.proprio.q01) == 7
    with np.load(GOLDEN / "step.npz", allow_pickle=False) as stored:
        pairs = {name: name.replace("action_norm", "action") for name in stored.files}
        names = [name for name, other in pairs.items() if name != other and other in stored.files]
        assert names
        for name in names:
            expected = stored[name.replace("action_norm", "action")]
            np.testing.assert_allclose(read.action.unnormalise(stored[name]), expected, atol=1e-6, err_msg=name)
