"""Records that come along: what is packed, what is unpacked, and what of them is evaluated again."""

from pathlib import Path

import pytest

from dry_runs import CONFIG
from made_up import write_checkpoint
from muvla.checkpoint.stored import sha256
from muvla.jobs import batches, bundled, duration, matrix, pack, recorded
from muvla.records.file import read_cell
from muvla.records.mark import marked_records, write_mark
from muvla.report.again import read_again, sample, sentence
from muvla.report.tables.table import recorded as told
from synthetic_records import write_cell


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two bundled policies of m64_k2, of two training seeds, and what was evaluated with them and with another."""
    for number, home in enumerate(("", "seed1/")):
        policy = write_checkpoint(tmp_path / "policies" / home / "m64_k2", seed=number)
        folder = tmp_path / "results" / home / "records" / "trained"
        write_mark(write_cell(folder, "m64_k2", "RememberColor5", [True, False], checkpoint_sha256=sha256(policy)))
    folder = tmp_path / "results" / "records" / "trained"
    of_first = sha256(tmp_path / "policies" / "m64_k2")
    write_mark(
        write_cell(
            folder, "m64_k2", "RememberColor5", [False], control="zero", memory="zero", checkpoint_sha256=of_first
        )
    )
    write_mark(write_cell(folder, "oft", "RememberColor5", [True]))  # a policy that is not bundled
    write_cell(folder, "m64_k2", "TakeItBack", [True], checkpoint_sha256=of_first)  # not finished
    return tmp_path


def packed(place: Path, results: str = "results") -> list[str]:
    bundled.records.cache_clear()
    return pack.pack(place / results, place / "policies", place / "records.tar.xz", place / "records.csv")


def test_what_the_bundled_policies_did_is_packed_and_unpacked(place: Path) -> None:
    (left_out,) = packed(place)
    assert "oft/RememberColor5.jsonl: made by another checkpoint" in left_out
    bundled.records.cache_clear()
    listed = bundled.records(place / "records.csv")
    assert {key: (line.episodes, line.successes, line.seconds) for key, line in listed.items()} == {
        ("m64_k2", "RememberColor5", "", ""): (2, 1, 3.0),
        ("m64_k2", "RememberColor5", "zero", ""): (1, 0, 1.5),
        ("m64_k2", "RememberColor5", "", "seed1/"): (2, 1, 3.0),
    }
    assert pack.unpack(place / "records.tar.xz", place / "records.csv", place / "here") == 3
    for home in ("", "seed1/"):
        mark = place / "here" / home / "records" / "bundled" / "m64_k2" / "RememberColor5.done"
        before = place / "results" / home / "records" / "trained" / "m64_k2" / "RememberColor5.jsonl"
        assert marked_records(mark).read_bytes() == before.read_bytes()


def test_a_later_stage_keeps_what_an_earlier_one_packed(place: Path) -> None:
    packed(place)
    first, listed = (place / "records.tar.xz").read_bytes(), (place / "records.csv").read_bytes()
    assert packed(place, "nothing") == []
    assert ((place / "records.tar.xz").read_bytes(), (place / "records.csv").read_bytes()) == (first, listed)
    write_checkpoint(place / "policies" / "seed1" / "m64_k2", seed=5)  # trained again: its records are of another
    assert len(packed(place, "nothing")) == 1
    bundled.records.cache_clear()
    assert {home for *_, home in bundled.records(place / "records.csv")} == {""}


@pytest.mark.parametrize("damage", ["cut", "gone", "another"])
def test_a_damaged_archive_is_refused(place: Path, damage: str) -> None:
    packed(place)
    archive, listing = place / "records.tar.xz", place / "records.csv"
    if damage == "cut":
        archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    elif damage == "gone":
        archive.unlink()
    else:
        listing.write_text(listing.read_text("utf-8").replace(",3.0,", ",3.0,0"))
    bundled.records.cache_clear()
    with pytest.raises(ValueError, match=r"records.tar.xz (cannot be read|does not hold m64_k2/RememberColor5 as)"):
        pack.unpack(archive, listing, place / "here")
    assert not list(place.glob("here/**/*.done"))


@pytest.mark.parametrize("text", ["", "home,variant\n", ",".join(bundled.COLUMNS) + "\n,m64_k2,TakeItBack\n"])
def test_a_damaged_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "records.csv").write_text(text)
    bundled.records.cache_clear()
    with pytest.raises(ValueError, match=r"records.csv .* restore it"):
        bundled.records(tmp_path / "records.csv")


def test_what_comes_along_decides_what_is_evaluated_and_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    line = bundled.Recorded(episodes=50, successes=40, seconds=100.0, mark="")
    there = matrix.Cell("m64_k2", "RememberColor5")
    monkeypatch.setattr(bundled, "records", lambda: {there: line})
    assert recorded.sample(CONFIG) == [there]
    assert there not in recorded.missing(CONFIG)
    everything = {*matrix.first_seed(CONFIG), *matrix.repeated(CONFIG)}
    assert {cell.home for cell in everything} == set(matrix.seeds(CONFIG))
    assert {*recorded.missing(CONFIG), there} == everything
    libero = matrix.libero_cells(CONFIG)
    monkeypatch.setattr(bundled, "records", lambda: {there: line, libero[0]: line})
    assert {*recorded.missing(CONFIG), there, libero[0]} == everything | set(libero)
    assert recorded.sample(CONFIG) == [there, libero[0]]
    assert [recorded.episodes(CONFIG, cell) for cell in (there, libero[0])] == [20, 5]
    names = {batch.name: batch.cells for batch in batches.batches(CONFIG)}
    assert names == {"evaluate_sample_1": (there,), "evaluate_libero_sample_1": (libero[0],)}
    for other in ({"records": "measured"}, {"checkpoints": "trained"}, {"scale": "paper"}):
        assert recorded.sample({**CONFIG, **other}) == recorded.missing({**CONFIG, **other}) == []
    assert duration.evaluation(there, 20) == pytest.approx(40)
    duration.episode_seconds.cache_clear()
    assert duration.evaluation(matrix.Cell("oft", "RememberColor5"), 20) == pytest.approx(40), "its environment's"
    duration.episode_seconds.cache_clear()


def test_an_episode_that_is_not_the_recorded_one_is_named(tmp_path: Path) -> None:
    outcomes = [True, True, False]
    before = write_mark(write_cell(tmp_path / "bundled", "m64_k2", "RememberColor5", [*outcomes, True]))
    now = write_mark(write_cell(tmp_path / "sample", "m64_k2", "RememberColor5", outcomes))
    other = write_mark(write_cell(tmp_path / "other" / "sample", "m64_k2", "RememberColor5", [True, False, False]))
    assert sentence(read_again([before, now])).endswith("3 episodes of 1 cells, all of them as recorded.")
    page = sample(sample=[before, other])[".md"]
    assert isinstance(page, str)
    assert "3 episodes of 1 cells, 1 of them not as recorded" in page
    assert "m64_k2 RememberColor5, seed 4242424243: success True, here False" in page
    assert "4242424242" not in page
    (first, second, third) = told([read_cell(marked_records(before))], [before, other], ["oft/TakeItBack"])
    assert "4 episodes that came along" in first
    assert second == sentence(read_again([before, other]))
    assert "of 1 evaluations" in third


def test_settings_that_differ_are_named(tmp_path: Path) -> None:
    before = write_mark(write_cell(tmp_path / "bundled", "m64_k2", "RememberColor5", [True]))
    now = write_mark(write_cell(tmp_path / "sample", "m64_k2", "RememberColor5", [True], versions={"torch": "2.99.0"}))
    page = sample(sample=[before, now])[".md"]
    assert isinstance(page, str)
    assert 'versions.torch: "2.13.0+cpu" in the file, now "2.99.0"' in page
