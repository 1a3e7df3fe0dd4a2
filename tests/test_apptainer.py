"""Rules inside an image, by the real Apptainer, alone and under Slurm; the image's digest in what they make.

The image here is apptainer_image.py's: everything that is ours is as with the real one (containers/muvla.def, which
takes minutes and gigabytes: docs/scaling.md).
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from apptainer_image import BOUND
from slurm_cluster import lacking
from working_copy import REPOSITORY, working_copy

PAPER, NUMPY = "the paper's (spec 0)", "the newest for numpy 1.26"
PAPERS_PINS = {
    "mani_skill": ("3.0.0b15", PAPER),
    "sapien": ("3.0.0b1", PAPER),
    "gymnasium": ("0.29.1", PAPER),
    "numpy": ("1.26.4", "mani_skill 3.0.0b15 wants less than 2, scipy 1.17.1 at least this; the paper's is 1.23.5"),
    "pandas": ("2.3.3", NUMPY),
    "snakemake-executor-plugin-slurm": ("2.6.1", NUMPY),
}
PAPERS_OWN = {"pytz"}  # pandas 2 needs it, pandas 3 does not


@pytest.mark.slow
@pytest.mark.timeout(3000)  # a Slurm of another run of the tests may have to end first
def test_evaluation_inside_an_image_names_it(
    request: pytest.FixtureRequest, apptainer: dict[str, str], image: Path, tmp_path: Path
) -> None:
    """As a Slurm job where a Slurm can be had; the checkpoints are pulled here, in the image as well."""
    clone = working_copy(tmp_path / "clone")
    (clone / "own_site.yaml").write_text(f"site: {{image: {image}}}")
    records = evaluated(request, apptainer, clone, "m64_k2")
    assert len((records / "RememberColor3.jsonl").read_text().splitlines()) == 1
    (run,) = json.loads((records / "RememberColor3.provenance.json").read_text())["runs"]
    assert run["commit"] == "unknown", "the library of the working tree, which has no commit, not the installed one"
    assert run["container"] == "sha256:" + hashlib.sha256(image.read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_served_policy_has_an_image_of_its_own(
    request: pytest.FixtureRequest, apptainer: dict[str, str], image: Path, tmp_path: Path
) -> None:
    """Server and evaluation in an image each, in one job; as a Slurm job where a Slurm can be had."""
    clone, other = working_copy(tmp_path / "clone"), image.with_name("server.sif")
    with other.open("wb") as stream:
        stream.write(image.read_bytes() + b"\0" * 4096)  # another digest
    mikasa = {
        "rows": {},
        "chunk": 1,
        "weights": {"repository": "none", "revision": None},
        "command": f"python {clone}/tests/wire_server.py --address 127.0.0.1:{{port}}",
    }
    entry = {
        "title": "Scripted",
        "scale": "mini",
        "tried": "here",
        "image": str(other),
        "packages": ["vla-eval"],
        "start_timeout": 300,
        "benchmarks": {"mikasa": mikasa},
    }
    (clone / "config" / "policies" / "scripted.yaml").write_text(json.dumps(entry))
    (clone / "own_site.yaml").write_text(f"{{site: {{image: {image}}}, policies: [scripted]}}")
    records = evaluated(request, apptainer, clone, "scripted")
    content = json.loads((records / "RememberColor3.provenance.json").read_text())
    (run,) = content["runs"]
    assert run["container"] == "sha256:" + hashlib.sha256(image.read_bytes()).hexdigest()
    assert run["server"]["image_digest"] == "sha256:" + hashlib.sha256(other.read_bytes()).hexdigest()
    assert content["settings"]["server"]["packages"]["vla-eval"]


def evaluated(request: pytest.FixtureRequest, apptainer: dict[str, str], clone: Path, variant: str) -> Path:
    """Evaluate one episode of `variant` inside the images of own_site.yaml; return the folder of its records."""
    queued: list[str] = []
    if lacking() is None:
        request.getfixturevalue("slurm")
        queued = ["--profile", "slurm", "--slurm-init-seconds-before-status-checks", "2"]
    command = [
        *(sys.executable, str(Path(__file__).with_name("prompt_snakemake.py"))),
        f"results/records/released/{variant}/RememberColor3.done",
        *queued,
        *("--configfile", "own_site.yaml", "--config", "episodes=1", "records=measured"),
        *("variants=[m64_k2]", "environments=[RememberColor3]"),  # one cell
        "effect={environments: [RememberColor3], memory: m64_k2}",
        *("--software-deployment-method", "apptainer", BOUND),
    ]
    environment = {**apptainer, "APPTAINERENV_PREPEND_PATH": str(Path(sys.executable).parent)}
    result = subprocess.run(
        command, cwd=clone, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    logs = "".join(path.read_text("utf-8") for path in clone.glob("results/logs/evaluate/*.log"))
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:] + logs[-2000:]
    return clone / "results" / "records" / "released" / variant


@pytest.mark.parametrize(("name", "locks"), [("muvla", ["requirements.lock", "paper.lock"]), ("pi05", ["pi05.lock"])])
def test_the_definitions_parts_fit_together(name: str, locks: list[str]) -> None:
    """What a build would stumble over after minutes: an argument without default, a missing file, a typing error."""
    text = (REPOSITORY / "containers" / f"{name}.def").read_text("utf-8")
    _, *rest = re.split(r"^%(\w+)$", text, flags=re.MULTILINE)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    defaults = dict(line.strip().split("=", 1) for line in sections["arguments"].split())
    assert set(re.findall(r"{{ (\w+) }}", text)) == defaults.keys()
    assert defaults.get("lock", locks[0]) == locks[0]
    for lock in locks:
        for line in sections["files"].replace("{{ lock }}", lock).strip().splitlines():
            assert (REPOSITORY / line.split()[0]).is_file(), line
    copied = {line.split()[1] for line in sections["files"].strip().splitlines()}
    for part in ("post", "test"):  # what they run was copied in
        assert set(re.findall(r"/opt/\S+\.(?:lock|py|sh)\b", sections[part])) <= copied
    for part in ("setup", "post", "environment", "test"):
        parsed = subprocess.run(["bash", "-n"], input=sections[part], capture_output=True, text=True, check=False)
        assert parsed.returncode == 0, parsed.stderr


def test_pi05_finds_the_libraries_that_its_packages_do_not_bring() -> None:
    """Seen when the image was built: torchcodec brings neither ffmpeg's libraries nor Python's own."""
    definition = (REPOSITORY / "containers" / "pi05.def").read_text("utf-8")
    lock = (REPOSITORY / "containers" / "pi05.lock").read_text("utf-8")
    python = re.search(r"Python (3\.\d+) on Debian\n# trixie", lock)
    assert python
    assert "\ntorchcodec==" in lock
    (installed,) = re.findall(
        r"apt-get install -y -qq --no-install-recommends \\\n(.*?)>/dev/null", definition, re.DOTALL
    )
    assert {"ffmpeg", f"libpython{python[1]}"} <= set(installed.split())


def test_the_papers_lock_differs_where_there_is_a_reason() -> None:
    def read(name: str) -> dict[str, str]:
        lines = (REPOSITORY / "containers" / name).read_text("utf-8").splitlines()
        return dict(line.partition(" ")[0].split("==") for line in lines if line and not line.startswith("#"))

    ours, papers = read("requirements.lock"), read("paper.lock")
    for name in ("playwright", "pyee", "axe-playwright-python"):  # for the tests of the page, in no image
        del ours[name]
    assert ours.keys() <= papers.keys()
    assert {name: papers[name] for name in ours if papers[name] != ours[name]} == {
        name: version for name, (version, _) in PAPERS_PINS.items()
    }
    more = papers.keys() - ours.keys()
    assert {name for name in more if not name.startswith(("nvidia-", "cuda-", "triton"))} == PAPERS_OWN
