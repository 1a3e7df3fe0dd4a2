"""What DVC does not notice about the checkpoints that come along, the manifest does."""

import hashlib
from pathlib import Path

import pytest

from muvla import manifest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mini"
    (made / "m64_k2").mkdir(parents=True)
    (made / "m64_k2" / "model.safetensors").write_bytes(b"\x00\x01" * 50_000)
    (made / "base.json").write_text("{}")
    manifest.write(made, tmp_path / "manifest.sha256")
    return made


def test_untouched_folder_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = folder.with_name("manifest.sha256")
    assert manifest.main(["check", str(folder), str(listed)]) == 0
    assert "2 files" in capsys.readouterr().out


def test_lines_are_those_of_sha256sum(folder: Path) -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    assert folder.with_name("manifest.sha256").read_text().splitlines()[0] == f"{digest}  base.json"


def test_every_fault_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = folder / "m64_k2" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[77_777] ^= 1
    weights.write_bytes(content)
    (folder / "base.json").unlink()
    (folder / "extra.txt").write_text("?")
    assert manifest.main(["check", str(folder), str(folder.with_name("manifest.sha256"))]) == 1
    told = capsys.readouterr().err
    assert "missing: base.json" in told
    assert "altered: m64_k2/model.safetensors" in told
    assert "not in the manifest: extra.txt" in told
    assert "dvc pull" in told


def test_folder_that_is_not_there_is_missing_everything(tmp_path: Path, folder: Path) -> None:
    found = manifest.faults(tmp_path / "nowhere", folder.with_name("manifest.sha256"))
    assert found == ["missing: base.json", "missing: m64_k2/model.safetensors"]


@pytest.mark.parametrize("content", ["", "abc  base.json\n", f"{'0' * 64} base.json\n"])
def test_broken_manifest_is_no_pass(folder: Path, tmp_path: Path, content: str) -> None:
    broken = tmp_path / "broken"
    broken.write_text(content)
    with pytest.raises(ValueError, match="broken"):
        manifest.check(folder, broken)


def test_empty_folder_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no file"):
        manifest.write(tmp_path / "empty", tmp_path / "manifest")
    assert not (tmp_path / "manifest").exists()
