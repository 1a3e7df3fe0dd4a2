"""containers/selftest.py, the images' own %test: what fails it, and what it does not claim."""

import importlib.util
from types import ModuleType

import pytest

from working_copy import REPOSITORY


@pytest.fixture
def selftest(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with nothing but its imports left to try."""
    for name in ("HOME", "MUJOCO_GL", "PYOPENGL_PLATFORM", "MS_SKIP_ASSET_DOWNLOAD_PROMPT"):
        monkeypatch.setenv(name, "1")  # set here, so that what the script sets is taken back
    spec = importlib.util.spec_from_file_location("selftest", REPOSITORY / "containers" / "selftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for part in ("physics", "mujoco"):
        monkeypatch.setattr(module, part, lambda: "fine")
    monkeypatch.setattr(module, "MODULES", ("json",))
    monkeypatch.setattr(module, "NEEDS_GPU", True)
    monkeypatch.setattr(module, "GPU", False)
    return module


def test_a_picture_that_needs_a_gpu_is_not_claimed(selftest: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main() == 0
    assert "mikasa: not tried, no GPU here" in capsys.readouterr().out


def test_a_failing_import_fails(
    selftest: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "MODULES", ("json", "no_such_package"))
    assert selftest.main() == 1
    assert "imports: FAILED, ModuleNotFoundError: No module named 'no_such_package'" in capsys.readouterr().out
