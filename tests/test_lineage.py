"""The page and the crate that say where every number comes from."""

import html
import json
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from muvla.files import ROOT, write_json
from muvla.provenance import describe_run
from muvla.records.file import RecordsError, provenance_path
from muvla.report.lineage.numbers import UNKNOWN
from muvla.report.lineage.page import provenance
from muvla.report.runner import write
from synthetic_records import marks, write_cell

SNAKEFILE = ROOT / "Snakefile"
PLACES = {"Snakefile": "workflow/Snakefile"}
DIGEST = "sha256:" + "cd" * 32


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two numbers; m64_k2's checkpoint has its provenance, oft's is gone."""
    folder = tmp_path / "results"
    for variant in ("m64_k2", "oft"):
        path = write_cell(folder / "records" / "trained", variant, "RememberColor3", [True, False, True])
        told = json.loads(provenance_path(path).read_text())
        told["runs"][-1] |= {
            "command_line": f"python -m muvla.evaluate name={variant}",
            "container": DIGEST,
            "time": "2026-11-23T10:00:00+00:00",
            "instructions": "AVX2",
            "checkpoint": str(folder / "checkpoints" / variant),
        }
        provenance_path(path).write_text(json.dumps(told))
    checkpoint = folder / "checkpoints" / "m64_k2"
    checkpoint.mkdir(parents=True)
    described = {
        "checkpoint": told_sha256(folder, "m64_k2"),
        "data": {"RememberColor3": "ab" * 32},
        "base": "ba" * 32,
        "config_sha256": "fe" * 32,
        "commit": "0123456789ab",
        "command_line": "python -m muvla.train variant=m64_k2",
    }
    (checkpoint / "provenance.json").write_text(json.dumps(described))
    return folder


def make(
    results: Path, *others: Path, folders: tuple[Path, ...] = (), checkpoints: tuple[str, ...] | None = None
) -> None:
    """Write the page and the crate of the folders of records, results/records/trained where none is named."""
    records = marks(*(folders or (results / "records" / "trained",)))
    known = [str(results / "checkpoints" / name / "provenance.json") for name in ("oft", "m64_k2")]
    given = known if checkpoints is None else checkpoints
    contents = provenance(
        records=records, checkpoints=given, traces_and_probes=others, root=str(results), snakefile=SNAKEFILE,
        parameters=json.dumps({"scale": "mini", "variants": ["m64_k2", "oft"], "episodes": 3}),
    )  # fmt: skip
    write(contents, [results / PLACES.get(name, name) for name in contents])


def commands(crate: ROCrate) -> list[Any]:
    """The runs of commands, without the workflow's own."""
    return [run for run in crate.get_by_type("CreateAction") if run["instrument"] is not crate.mainEntity]


def told_sha256(folder: Path, variant: str) -> str:
    path = folder / "records" / "trained" / variant / "RememberColor3.provenance.json"
    digest: str = json.loads(path.read_text())["settings"]["checkpoint_sha256"]
    return digest


def test_page_names_everything_of_every_number(results: Path) -> None:
    make(results)
    page = (results / "provenance.html").read_text()
    for told in (
        "m64_k2 RememberColor3",
        "oft RememberColor3",
        "2/3",
        told_sha256(results, "m64_k2"),
        "abababababab",
        "babababababa",
        "fefefefefefe",
        "cdcdcdcdcdcd",
        "2026-11-23T10:00:00+00:00",
        "python -m muvla.evaluate name=oft",
        "python -m muvla.train variant=m64_k2",
        "mani_skill 3.0.1",
        "cpu AVX2",
    ):
        assert told in page, told


def test_libero_and_other_training_seeds_stand_in_the_page_too(results: Path) -> None:
    folders = [
        results / "records" / "trained",
        results / "seed1" / "records" / "trained",
        results / "libero" / "records",
    ]
    write_cell(folders[1], "m64_k2", "RememberColor3", [True])
    write_cell(folders[2], "m64_k2", "libero_object/0", [False, False, True])
    make(results, folders=tuple(folders))
    page = (results / "provenance.html").read_text()
    assert all(str(folder) in page for folder in folders)
    assert "m64_k2 libero_object/0" in page
    assert len(commands(ROCrate(results))) == 4


def test_a_probe_tells_what_made_it(results: Path) -> None:
    probe = results / "probes" / "cue_swap.json"
    made = describe_run(command="muvla.cue_swap", config={"checkpoint": "results/checkpoints/m64_k2"})
    write_json(probe, {"y_error": 0.067, "checkpoint_sha256": told_sha256(results, "m64_k2"), **made})
    make(results, probe)
    page = html.unescape((results / "provenance.html").read_text())
    assert all(told in page for told in (str(probe), made["command_line"], made["time"], made["config_sha256"][:12]))
    (run,) = [run for run in ROCrate(results).get_by_type("CreateAction") if "muvla.cue_swap" in run["name"]]
    assert run["object"]["sha256"] == told_sha256(results, "m64_k2")


def test_a_command_that_made_several_files_is_listed_once(results: Path) -> None:
    made = describe_run(command="muvla.trace", config={"checkpoint": "results/checkpoints/m64_k2"})
    files = [results / "traces" / f"{seed}.json" for seed in (7, 8, 9)]
    for file in files:
        write_json(file, {"checkpoint_sha256": told_sha256(results, "m64_k2"), **made})
    make(results, *files)
    page = html.unescape((results / "provenance.html").read_text())
    assert page.count(made["command_line"]) == 1
    assert f"{files[0]} and 2 more: {made['command_line']}" in page


def test_a_probe_of_a_version_that_told_no_instruction_set_is_shown_with_a_gap(results: Path) -> None:
    probe = results / "probes" / "cue_swap.json"
    made = describe_run(command="muvla.cue_swap", config={"checkpoint": "results/checkpoints/m64_k2"})
    del made["instructions"]
    write_json(probe, {"checkpoint_sha256": told_sha256(results, "m64_k2"), **made})
    make(results, probe)
    assert f"cpu {UNKNOWN}" in (results / "provenance.html").read_text()


def test_a_probe_of_unknown_origin_is_named(results: Path) -> None:
    (results / "old.json").write_text('{"y_error": 0.067}')
    with pytest.raises(RecordsError, match=r"old.json does not say what made it"):
        make(results, results / "old.json")


def test_crate_is_one_that_other_tools_read(results: Path) -> None:
    make(results)
    crate = ROCrate(results)
    runs = commands(crate)
    assert len(runs) == 2
    for run in runs:
        assert run["containerImage"]["sha256"] == DIGEST.removeprefix("sha256:")
        assert run["object"]["sha256"] in {told_sha256(results, "m64_k2"), told_sha256(results, "oft")}
        assert all((results / result.id).is_file() for result in run["result"])
    (whole,) = [run for run in crate.get_by_type("CreateAction") if run["instrument"] is crate.mainEntity]
    assert {given["name"]: given["value"] for given in whole["object"]} == {
        "scale": "mini", "variants": '["m64_k2", "oft"]', "episodes": "3"
    }  # fmt: skip
    assert len(whole["result"]) == 6
    assert whole["startTime"] == "2026-11-23T10:00:00+00:00"


def test_same_records_give_the_same_bytes(results: Path) -> None:
    def made() -> list[bytes]:
        make(results)
        return [(results / name).read_bytes() for name in ("provenance.html", "ro-crate-metadata.json")]

    assert made() == made()


def test_checkpoint_that_was_replaced_is_not_taken_for_the_one_that_acted(results: Path) -> None:
    path = results / "checkpoints" / "m64_k2" / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "checkpoint": "00" * 32}))
    make(results)
    page = (results / "provenance.html").read_text()
    assert "fefefefefefe" not in page
    assert UNKNOWN in page


def test_only_checkpoints_that_the_rule_names_are_read(results: Path) -> None:
    make(results, checkpoints=())
    assert "fefefefefefe" not in (results / "provenance.html").read_text()
    elsewhere = results / "moved" / "provenance.json"
    write_json(elsewhere, json.loads((results / "checkpoints" / "m64_k2" / "provenance.json").read_text()))
    make(results, checkpoints=(str(elsewhere),))
    assert "fefefefefefe" in (results / "provenance.html").read_text(), "found by its SHA-256"


def test_a_download_is_known_by_the_mark_beside_its_folder(results: Path) -> None:
    for name in ("oft", "m64_k2"):
        write_json(
            results / "checkpoints" / f"{name}.json", {"repository": f"models/lab/{name}", "revision": "ab" * 20}
        )
    make(results, checkpoints=(str(results / "checkpoints" / "oft.json"),))
    page = (results / "provenance.html").read_text()
    assert "models/lab/oft" in page
    assert "models/lab/m64_k2" not in page


def test_records_of_earlier_versions_are_shown_with_gaps(tmp_path: Path) -> None:
    write_cell(tmp_path / "records", "oft", "RememberColor3", [True])
    make(tmp_path, folders=(tmp_path / "records",))
    assert UNKNOWN in (tmp_path / "provenance.html").read_text()


def test_an_evaluation_of_unknown_time_does_not_date_the_crate(results: Path) -> None:
    write_cell(results / "records" / "trained", "m64_k8", "RememberColor3", [True])  # of a version that kept no time
    make(results)
    assert ROCrate(results).root_dataset["datePublished"].startswith("2026-11-23")


def test_linked_records_are_read_and_named_once(results: Path, tmp_path: Path) -> None:
    linked = tmp_path / "disk7" / "records"
    linked.parent.mkdir()
    (results / "records").rename(linked)
    (results / "records").symlink_to(linked)
    make(results)
    assert "m64_k2 RememberColor3" in (results / "provenance.html").read_text()
    other = linked / "trained" / "m64_k2" / "RememberColor3.again.jsonl"
    for name in ("RememberColor3.jsonl", "RememberColor3.provenance.json", "RememberColor3.done"):
        (other.parent / name.replace("3.", "3.again.")).symlink_to(other.parent / name)
    with pytest.raises(RecordsError, match=r"RememberColor3.again.jsonl and .* are the same file by a link"):
        make(results)


def test_no_records_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="evaluate a policy first"):
        make(tmp_path, folders=(tmp_path,))


def test_only_the_records_that_are_named_are_listed(results: Path) -> None:
    make(results)
    before = (results / "provenance.html").read_bytes()
    records = marks(results / "records" / "trained")
    write_cell(results / "records" / "trained", "m64_k8", "RememberColor3", [True])  # nobody names it
    contents = provenance(
        records=records,
        checkpoints=[str(results / "checkpoints" / "m64_k2" / "provenance.json")],
        traces_and_probes=[],
        root=str(results),
        snakefile=SNAKEFILE,
        parameters="{}",
    )
    assert contents["provenance.html"] == before.decode()
