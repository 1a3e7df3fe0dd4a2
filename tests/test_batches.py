"""Batches of evaluations: every cell once, and no table waits for cells that it does not show."""

from collections import Counter
from typing import Any

import pytest

from muvla.jobs import batches, matrix
from test_workflow import CONFIG, PAPER, SMOKE


@pytest.mark.parametrize("more", [{}, SMOKE, PAPER], ids=["mini", "smoke", "paper"])
def test_every_cell_is_in_one_batch(more: dict[str, Any]) -> None:
    config = {**CONFIG, **more, "scale": "paper" if more is PAPER else "mini"}
    config["libero"] = {**CONFIG["libero"], **more.get("libero", {})}
    config["checkpoints"] = "trained" if more else "released"
    config["records"] = "measured"
    made = batches.batches(config)
    found = Counter(cell for batch in made for cell in batch.cells)
    wanted = {*matrix.first_seed(config), *matrix.repeated(config)}
    wanted |= {cell for seed in matrix.seeds(config) for cell in matrix.libero_cells(config, seed)}
    assert set(found) == wanted
    assert set(found.values()) == {1}
    assert len({batch.name for batch in made}) == len(made)
    assert all(batch.name.isidentifier() for batch in made), "names of Snakemake's rules"
    for batch in made:
        assert len({bool(cell.control) for cell in batch.cells}) == 1
        if more is PAPER:
            assert len({(cell.variant, cell.home) for cell in batch.cells}) == 1
        else:
            assert len(batch.cells) <= batches.LARGEST


def test_two_cores_have_work_where_two_cells_are_asked_for() -> None:
    places = {"variants": ["m64_k2", "oft_episodic"], "environments": ["RememberColor5"]}
    effect = {**CONFIG["effect"], "environments": ["RememberColor5"]}
    made = [batch.cells for batch in batches.batches({**CONFIG, **places, "effect": effect, "records": "measured"})]
    assert [cells for cells in made if not cells[0].control and not cells[0].home] == [
        (matrix.Cell("m64_k2", "RememberColor5"),),
        (matrix.Cell("oft_episodic", "RememberColor5"),),
    ]
