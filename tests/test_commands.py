"""The literal commands of the rules: they are understood, and say what the configuration says."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from dry_runs import CONFIG, LAB, dry_run, evaluations
from muvla.data.episode import dataset_name
from muvla.evaluate.options import EvaluateSettings
from muvla.jobs import matrix
from muvla.options import read
from muvla.trace import TraceSettings
from muvla.train.scale import RecordedTraining
from muvla.train.settings import TrainSettings

MEASURED = ("all", "--config", "records=measured")


def test_policies_of_the_paper_act_on_the_gpu(clone: Path) -> None:
    cells = ("m64_k2/RememberColor5", "m64_k2/RememberColor5.zero")
    targets = [f"results/paper/records/trained/{cell}.done" for cell in cells]
    targets += ["results/paper/libero/records/trained/m64_k8/libero_10/3.done"]
    targets += ["results/paper/traces/m64_k2/RememberColor5/4242424242.npz", "results/paper/figures/episode.npz"]
    told = dry_run(clone, *targets, "--config", "scale=paper").stdout
    commands = re.findall(r"-m muvla\.(evaluate|trace) (.*) 2>&1", told)
    assert len(commands) == len(targets)
    parts = [(name, part) for name, command in commands for part in command.split(" -- ")]
    assert len(parts) > 30  # a policy in every environment, a suite of LIBERO, and single ones
    for name, part in [parts[0], *parts[-3:]]:
        settings = read({"evaluate": EvaluateSettings, "trace": TraceSettings}[name], shlex.split(part))
        assert (settings.device, settings.precision) == ("cuda", "bfloat16")


def test_training_commands_of_the_paper_are_understood(clone: Path) -> None:
    """The literal shell commands, as torchrun hands them on: they find what the rules they stand in have fetched."""
    trained = [
        f"results/paper/{name}"
        for name in ("checkpoints/rc5_only", "chunk16/checkpoints/m64_k2", "seed1/libero/checkpoints/m64_k8")
    ]
    targets = [f"{folder}/provenance.json" for folder in trained]
    result = dry_run(clone, *targets, "--config", "scale=paper")
    told = result.stdout + result.stderr
    commands = re.findall(r"-m (torch\.distributed\.run .*) 2>&1", told)
    assert len(commands) == len(trained)
    for words in map(shlex.split, commands):
        config = read(TrainSettings, words[words.index("muvla.train") + 1 :])
        assert isinstance(config.scale.memory_training, RecordedTraining)
        assert f"--nproc-per-node={config.scale.memory_training.processes}" in words
        assert config.output in trained
        assert config.seed == (1 if "seed1" in config.output else 0)
        assert config.scale.memory_training.chunk == (16 if "chunk16" in config.output else 8)
        assert f"--mark {config.base}.json " in told
        for name in config.training_environments:
            assert f"--mark {config.data}/{dataset_name(name)}.json " in told


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        (MEASURED, "bundled"),
        (("all", "--config", "checkpoints=trained"), "trained"),
        # of another name than results/: its policies were called bundled
        (("all", "--config", "checkpoints=trained", "outputs=elsewhere/made_here"), "trained"),
        (("all", "--config", "scale=paper", "checkpoints=released"), "released"),
        (LAB, "trained"),
    ],
    ids=["mini", "mini trained", "another folder", "paper released", "paper trained"],
)
def test_evaluations_are_told_where_their_checkpoint_comes_from(
    clone: Path, arguments: tuple[str, ...], source: str
) -> None:
    found = evaluations(clone, *arguments)
    assert len(found) > 20
    assert {options["checkpoint_source"] for options in found.values()} == {source}


def test_evaluations_write_their_marks_themselves(clone: Path) -> None:
    """The cells of the tables and the controls, which have a mark; not the episode whose pictures are kept."""
    found = evaluations(clone, *MEASURED)
    (pictures,) = [output for output, options in found.items() if "mark" not in options]
    assert pictures == "results/figures/episode.jsonl"
    assert all(options["mark"] == "true" for output, options in found.items() if output != pictures)


def test_controls_are_evaluated_under_their_conditions(clone: Path) -> None:
    found = evaluations(clone, *MEASURED)
    controls = matrix.controls({**CONFIG, "records": "measured"})
    carriers = {"m64_k2", "m64_k8", "m64_ema"} & set(matrix.available(CONFIG))
    assert len(controls) == 5 + len(CONFIG["libero"]["tasks"]) + len(carriers) * (9 * 5 + 8)
    for (variant, environment, name, home), control in controls.items():
        cell = f"results/{home}records/released/{variant}/{environment}"
        options, usual = found[f"{cell}.{name}.jsonl"], found[f"{cell}.jsonl"]
        own = {key: str(control[key]) for key in matrix.USUAL if key in control}
        episodes = CONFIG["libero"]["episodes"] if home else CONFIG["episodes"]
        own |= {"output": options["output"], "episodes": str(episodes)}
        assert options == {**usual, **own}
        assert home or usual["episodes"] == str(CONFIG["episodes_trained"])
    libero = found["results/libero/records/released/m64_k8/libero_object/0.jsonl"]
    assert libero["mode"] == CONFIG["libero"]["mode"]
    assert libero["seed"] == "0"
    assert libero["probe"] == "results/libero/start_up_check.json"
    assert libero["checkpoint"] == "checkpoints/mini/libero/m64_k8"


def test_a_served_policy_is_evaluated_as_ours_are(clone: Path) -> None:
    told = dry_run(clone, *LAB).stdout
    (command,) = re.findall(r"^Shell command: .* -m muvla\.serve\.beside (.*) 2>&1", told, flags=re.MULTILINE)
    served, *cells = command.split(" -- ")
    assert served == "policy=config/policies/pi05.yaml benchmark=mikasa"
    assert len(cells) == 23
    options = dict(word.split("=", 1) for word in next(one for one in cells if "TakeItBack" in one).split())
    assert options == {
        "name": "pi05",
        "environment": "TakeItBack",
        "label": "paper",
        "episodes": "100",
        "seed": "4242424242",
        "backend": "gpu",
        "slots": "8",
        "mark": "true",
        "output": "results/paper/records/trained/pi05/TakeItBack.jsonl",
    }


@pytest.mark.parametrize(("program", "kept"), [("false", True), ("true", False)], ids=["failed", "finished"])
def test_records_are_superseded_once_the_new_policy_is_there(
    clone: Path, tmp_path: Path, program: str, kept: bool
) -> None:
    """The literal command, with a program in Python's place that fails or ends well."""
    shown = dry_run(clone, "all", "--config", "checkpoints=trained").stdout
    (command, *_) = re.findall(
        r"^Shell command: (.* -m muvla\.train variant=m64_k8 scale=mini seed=0 .*)$", shown, flags=re.MULTILINE
    )
    records = tmp_path / "results" / "records" / "trained" / "m64_k8" / "RememberColor5.jsonl"
    records.parent.mkdir(parents=True)
    records.write_text("old")
    (tmp_path / "results" / "logs" / "train").mkdir(parents=True)
    (tmp_path / "workflow").symlink_to(clone / "workflow")
    bash = f"set -euo pipefail; {program} {command.partition(' ')[2]}"
    assert (subprocess.run(["bash", "-c", bash], cwd=tmp_path, check=False).returncode == 0) is not kept
    moved = list(tmp_path.glob("results/superseded/m64_k8.*/RememberColor5.jsonl"))
    assert (records.is_file(), len(moved)) == (kept, 0 if kept else 1)
