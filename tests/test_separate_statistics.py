"""Statistics of each data set by itself: what match_release normalises frames in random order with (spec 3.6, 6.4)."""

import json

import numpy as np

from muvla.benchmark.mikasa import MIKASA
from muvla.data import statistics
from muvla.data.compute_statistics import joint_entry, separate_entries
from muvla.data.statistics import statistics_for

MIKASA_SETS = ("take_it_back_vla_v0", "remember_color_5_vla_v0")


def test_statistics_of_single_data_sets_leave_the_gripper_and_silence_what_never_changes():
    """match_release of the frame-shuffled loader (spec 3.6); evaluated by spec 6.4's order of keys."""
    low, high = [-1.0, 0.5, *[-2.0] * 5], [1.0, 0.5, *[2.0] * 5]
    part = {"q01": low, "q99": high, "min": low, "max": high}
    wide = {"q01": [-4.0] * 7, "q99": [4.0] * 7, "min": [-5.0] * 7, "max": [5.0] * 7}
    bodies = {
        "remember_color_3_vla_v0": {"action": part, "proprio": part},
        "remember_color_5_vla_v0": {"action": wide, "proprio": wide},
    }
    entries = separate_entries(bodies)
    own = statistics.parse_statistics(entries, "remember_color_3_vla_v0")
    values = np.array([[0.5, 0.5, 1.0, 0.0, 0.0, 0.0, 0.7]])
    np.testing.assert_allclose(own.action.normalise(values), [[0.5, 0, 0.5, 0, 0, 0, 0.7]], atol=1e-6)
    np.testing.assert_allclose(own.proprio.normalise(values), [[0.5, 0, 0.5, 0, 0, 0, 0.35]], atol=1e-6)
    np.testing.assert_allclose(own.action.unnormalise(own.action.normalise(values)), values, atol=1e-6)
    joint = statistics.parse_statistics(joint_entry(bodies["remember_color_3_vla_v0"], MIKASA))
    assert joint.action.normalise(values)[0, 1] == -1  # only of single data sets


def test_what_an_environment_is_unnormalised_with(tmp_path):
    def entry(bound):
        return {"q01": [-bound] * 7, "q99": [bound] * 7, "min": [-bound] * 7, "max": [bound] * 7}

    bodies = {name: {"action": entry(b), "proprio": entry(b)} for name, b in zip(MIKASA_SETS, (1.0, 3.0), strict=True)}
    file = tmp_path / "dataset_statistics.json"
    file.write_text(json.dumps(separate_entries(bodies)))
    for name, bound in (("TakeItBack", 1.0), ("RememberColor9", 2.0)):  # its own; the average of all
        found = statistics_for(statistics.read_entries(tmp_path), name, file)
        np.testing.assert_array_equal(found.action.q99, [bound] * 7)
        assert found.action.mask.tolist() == [True] * 6 + [False]
        assert not found.action.constant.any()
    assert found.averaged
    assert found.key == "average of remember_color_5_vla_v0, take_it_back_vla_v0"
    file.write_text(json.dumps({**separate_entries(bodies), "mikasa_combined": bodies[MIKASA_SETS[1]]}))
    assert statistics_for(statistics.read_entries(tmp_path), "TakeItBack", file).key == "mikasa_combined"
