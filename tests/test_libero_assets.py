"""The check of LIBERO's files, and the warnings of the start-up check."""

import json
from pathlib import Path

import pytest

from muvla import cpu
from muvla.benchmark.libero import LIBERO
from muvla.sim.libero.assets import AlteredAssets, verify
from muvla.sim.libero.first_frames import GOLDEN, warnings_of

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    folder = tmp_path / "assets"
    (folder / "scenes").mkdir(parents=True)
    (folder / "scenes" / "a name.xml").touch()
    manifest = tmp_path / "list.sha256"
    manifest.write_text(f"{EMPTY}  assets/scenes/a name.xml\n")
    return manifest, {"assets": folder}


def test_whole_altered_and_missing_files(installed: tuple[Path, dict[str, Path]]) -> None:
    manifest, places = installed
    assert verify(manifest, places) == 1
    file = places["assets"] / "scenes" / "a name.xml"
    file.write_text("<mujoco/>")
    with pytest.raises(AlteredAssets, match=r"1 of LIBERO's files .*a name\.xml.*make setup"):
        verify(manifest, places)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of LIBERO's files are missing.*a name\.xml"):
        verify(manifest, places)


@pytest.mark.slow
def test_the_installed_files_are_the_listed_ones() -> None:
    assert verify() > 1000


def test_the_probe_tells_physics_from_pictures_and_names_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "maker", lambda: "another")
    versions = {"mujoco": "3.8.0", "robosuite": "1.4.0", "renderer": "llvmpipe"}
    frame = {"state": "s", "picture": "p", "versions": versions}
    known = frame | {"picture": {"one maker": "q", "another": "p"}}
    assert warnings_of("libero_goal", frame, known) == []
    assert len(warnings_of("libero_goal", frame | {"picture": "q"}, known)) == 1, "as another maker's processors draw"
    (physics,) = warnings_of("libero_goal", frame | {"state": "x", "picture": "x"}, known)
    assert physics.startswith("the physics of libero_goal differs")
    newer = frame | {"picture": "x", "versions": versions | {"mujoco": "3.17.0"}}
    (pictures,) = warnings_of("libero_goal", newer, known)
    assert pictures.startswith("the pictures of libero_goal differ")
    assert "mujoco 3.17.0 instead of 3.8.0" in pictures
    (same,) = warnings_of("libero_goal", frame | {"versions": newer["versions"]}, known)
    assert "with the same result" in same
    (unknown,) = warnings_of("libero_goal", frame, None)
    assert "no golden frame" in unknown


def test_every_suite_has_a_golden_frame() -> None:
    assert set(json.loads(GOLDEN.read_text())) == set(LIBERO.families)
