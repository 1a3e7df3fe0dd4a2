"""The lines of docs/extending.md that use a policy from Python run as they stand, in the real simulator."""

import re
import subprocess
import sys
from pathlib import Path

from made_up import write_checkpoint

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")


def test_the_policy_is_used_from_python_as_the_guide_says(tmp_path: Path) -> None:
    found = re.search(r"## Use the policy from Python.*?```python\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    lines = found[1]
    assert len(lines.splitlines()) <= 15
    write_checkpoint(tmp_path / "checkpoints/mini/m64_k2")  # random weights in place of the bundled ones
    done = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.fullmatch(r"goal \w+, success (True|False) after \d+ steps\n", done.stdout)
