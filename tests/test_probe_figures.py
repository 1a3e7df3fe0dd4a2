"""The probes of the memory: drawn and judged from the records, found by their condition and not by a file's name."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from muvla.records.file import RecordsError
from muvla.report.drawing import KINDS
from muvla.report.probes.draw import draw
from muvla.report.probes.figures import figure_probes
from muvla.report.probes.probes import Samples, probes, read_probe_samples
from muvla.report.runner import write
from synthetic_records import RULES, lines_of, marks, provenance, write_cell

NAMES = ("interventions", "chunk_sweep", "delays", "unseen_colours")
SIMULATOR = provenance()["settings"]["simulator"]


def outcomes(successes: int, episodes: int = 20) -> list[bool]:
    return [episode < successes for episode in range(episodes)]


def in_simulator(**told: Any) -> dict[str, Any]:
    """Settings whose simulator tells this beside the usual (sim/novelty.py)."""
    return {"simulator": {**SIMULATOR, **told}}


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """One policy with every probe, in files whose names say nothing; one in the table alone; one without memory."""
    folder = tmp_path / "records"

    def control(name: str, successes: int, **asked: Any) -> None:
        write_cell(folder, "m64_k8", "RememberColor3", outcomes(successes), control=name, **asked)

    write_cell(folder, "m64_k8", "RememberColor3", outcomes(18))
    write_cell(folder, "m64_k2", "RememberColor3", outcomes(17))
    write_cell(folder, "oft_episodic", "RememberColor3", outcomes(5))
    write_cell(folder, "oft_episodic", "RememberColor3", outcomes(4), mode="receding", control="receding")
    control("a", 2, memory="zero")
    control("noise", 3, memory="freeze_first")
    control("b", 11, mode="open_loop", open_loop_steps=4)
    control("chunk2", 1, mode="open_loop", open_loop_steps=8, memory="zero")
    control("c", 14, **in_simulator(phases=10))
    control("unseen1", 13, **in_simulator(unseen_colours={"Pink": [255, 192, 203], "Orange": [255, 165, 0]}))
    return folder


def make(output: Path, *records: Path) -> None:
    contents = figure_probes(records=marks(*records), statistics=RULES)
    write(contents, [output / name for name in contents])


def read(*records: Path) -> Samples:
    return read_probe_samples(marks(*records))


def lines(output: Path, name: str) -> dict[tuple[str, str], dict[str, str]]:
    """By variant and setting."""
    return {(line["variant"], line["setting"]): line for line in lines_of(output / f"{name}.csv")}


def run(output: Path, name: str) -> dict[tuple[str, str], str]:
    """Successes of what was run."""
    return {key: line["successes"] for key, line in lines(output, name).items() if line["episodes"]}


def test_each_control_is_found_by_its_condition(records: Path, tmp_path: Path) -> None:
    make(tmp_path / "out", records)
    table = "chunk=1 memory=active"
    expected = {
        "interventions": {"memory=active": "18", "memory=zero": "2", "memory=freeze_first": "3"},
        "chunk_sweep": {
            table: "18",
            "chunk=1 memory=zero": "2",
            "chunk=4 memory=active": "11",
            "chunk=8 memory=zero": "1",
        },
        "delays": {"phases=own": "18", "phases=10": "14"},
        "unseen_colours": {"unseen_colours=0": "18", "unseen_colours=2": "13"},
    }
    for name, settings in expected.items():
        assert run(tmp_path / "out", name) == {("m64_k8", key): value for key, value in settings.items()}
    line = lines(tmp_path / "out", "delays")["m64_k8", "phases=10"]
    assert [line[key] for key in ("environment", "episodes", "rate", "low", "high")] == [
        "RememberColor3",
        "20",
        "0.7000",
        "0.4810",
        "0.8545",
    ]
    missing = lines(tmp_path / "out", "interventions")["m64_k8", "memory=noise"]
    assert (missing["successes"], missing["rate"]) == ("", "")


def test_points_and_bars_are_where_the_numbers_are_and_what_is_missing_is_said(records: Path) -> None:
    drawn = {one.name: draw(one, 0.95) for one in probes(read(records))}
    bars = drawn["interventions"].axes[0]
    assert [bar.get_width() for bar in bars.patches] == pytest.approx([0.9, 0.1, 0.15])
    texts = {name: [text.get_text() for text in figure.axes[0].texts] for name, figure in drawn.items()}
    assert "0.90  (18/20)" in texts["interventions"]
    assert texts["interventions"].count("not run") == 1  # noise
    memory, zeroed = [line for line in drawn["chunk_sweep"].axes[0].lines if len(line.get_xdata()) == 5]
    assert [float(y) for y in memory.get_ydata()] == pytest.approx(
        [0.9, *[float("nan")], 0.55, *[float("nan")] * 2], nan_ok=True
    )
    assert float(zeroed.get_ydata()[3]) == pytest.approx(0.05)
    assert texts["chunk_sweep"].count("not run") == 3 + 3
    assert texts["delays"].count("not run") == 5
    assert texts["unseen_colours"].count("not run") == 2  # of three colours at most three are replaced
    assert all("- - chance 1/3" in told for told in texts.values())


def overlapping(figure: Figure) -> list[tuple[str, ...]]:
    """What is written over something else, or over the edge of the picture."""
    figure.canvas.draw()
    texts = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    pairs = [(one, other) for (one, box), (other, second) in combinations(boxes, 2) if box.overlaps(second)]
    return pairs + [(text,) for text, box in boxes if box.x0 < 0 or box.x1 > 1000]


def test_nothing_is_written_over_anything_else(records: Path, tmp_path: Path) -> None:
    crowded = tmp_path / "crowded"  # the paper's widest: three carriers, three digits, the longest names
    for variant in ("m64_k2", "m64_k8", "m64_ema"):
        for environment in ("RememberShapeAndColor3x3", "ShellGamePush"):
            write_cell(crowded, variant, environment, outcomes(100, 100))
            for control, asked in (
                ("n", {"memory": "noise"}),
                ("c", {"mode": "open_loop", "open_loop_steps": 2}),
                ("p", in_simulator(phases=3)),
            ):
                write_cell(crowded, variant, environment, outcomes(100, 100), control=control, **asked)
    for folder in (records, crowded):
        for one in probes(read(folder)):
            figure = draw(one, 0.95)
            assert figure.get_figwidth() * figure.dpi == 1000
            assert overlapping(figure) == []


def test_the_same_records_give_the_same_bytes(records: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make(tmp_path / name, records)
    for name in NAMES:
        for kind in (*KINDS, ".csv"):
            first, second = ((tmp_path / folder / f"{name}{kind}").read_bytes() for folder in ("one", "two"))
            assert first == second
        assert Image.open(tmp_path / "one" / f"{name}.png").width == 1000


def test_policies_of_longer_chunks_come_from_a_folder_of_their_own(records: Path, tmp_path: Path) -> None:
    longer = {"mode": "open_loop", "open_loop_steps": 16, "checkpoint_sha256": "e" * 64}
    write_cell(tmp_path / "chunk16", "m64_k8", "RememberColor3", outcomes(6), control="x", **longer)
    make(tmp_path / "out", records, tmp_path / "chunk16")
    assert run(tmp_path / "out", "chunk_sweep")["m64_k8", "chunk=16 memory=active"] == "6"
    sweep = probes(read(records, tmp_path / "chunk16"))[1]
    told = draw(sweep, 0.95).texts[-1].get_text().replace("\n", " ")
    assert "16: policies of their own, trained to predict longer chunks" in told


def test_a_probe_that_was_not_run_says_so(tmp_path: Path) -> None:
    write_cell(tmp_path / "records", "m64_k8", "RememberColor3", outcomes(18))
    make(tmp_path / "out", tmp_path / "records")
    for one in probes(read(tmp_path / "records")):
        assert draw(one, 0.95).texts[0].get_text().endswith(": not run")
        assert lines(tmp_path / "out", one.name) == {}


def test_what_cannot_be_drawn_is_named(records: Path, tmp_path: Path) -> None:
    def told(*folders: Path) -> str:
        with pytest.raises(RecordsError) as caught:
            make(tmp_path / "out", *folders)
        return str(caught.value)

    write_cell(tmp_path / "paper", "m64_k2", "RememberColor5", outcomes(3), scale="paper")
    assert "differ in scale" in told(records, tmp_path / "paper")
    write_cell(records, "m64_k8", "RememberColor3", outcomes(9), memory="zero", control="zero")
    assert "RememberColor3.a.jsonl and" in told(records)
    write_cell(tmp_path / "wrong", "m64_k8", "RememberColor3", outcomes(9), **in_simulator(phases=10))
    assert "make it a control" in told(tmp_path / "wrong")
    assert not (tmp_path / "out").exists()
