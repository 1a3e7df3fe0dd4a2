"""The workflow as a user meets it: what the targets would run, and what a wrong configuration is told."""

import copy
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pytest
import yaml
from snakemake.utils import update_config

from muvla.benchmark.mikasa import MIKASA
from muvla.data.episode import dataset_name
from muvla.evaluate.options import EvaluateSettings
from muvla.jobs import matrix, reference, trainings
from muvla.jobs.configuration import Configuration, validated
from muvla.options import read
from muvla.report.published import VARIANTS
from muvla.trace import TraceSettings
from muvla.train.scale import RecordedTraining
from muvla.train.settings import TrainSettings

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = REPOSITORY / "workflow" / "schemas" / "config.schema.yaml"
SITE = yaml.safe_load((REPOSITORY / "config" / "site.yaml").read_text("utf-8"))
CONFIG = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text("utf-8")) | SITE
SMOKE = yaml.safe_load((REPOSITORY / "config" / "smoke.yaml").read_text("utf-8"))
PAPER = yaml.safe_load((REPOSITORY / "config" / "paper.yaml").read_text("utf-8"))
MAKES_POLICIES = {"collect", "base", "train"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files a dry run reads, where nothing was made yet."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("workflow", "config", "profiles", "slurm", "paper"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "data.dvc"):
        shutil.copy(REPOSITORY / name, folder / name)
    return folder


def dry_run(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--dry-run", *arguments]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=600, check=False)


def planned(clone: Path, *arguments: str) -> dict[str, int]:
    """How many jobs of each rule a call would run."""
    result = dry_run(clone, *arguments)
    told = result.stdout + result.stderr
    assert result.returncode == 0, told
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", told, flags=re.MULTILINE)}


def test_released_table_trains_nothing_and_runs_its_own_cells_only(clone: Path) -> None:
    jobs = planned(clone, "results/table_mikasa.tex")
    assert jobs["pull"] == jobs["table"] == 1
    assert not MAKES_POLICIES & jobs.keys()
    found = evaluations(clone, "results/table_mikasa.tex")
    assert sorted(found) == sorted(f"results/records/released/{v}/{e}.jsonl" for v, e, *_ in matrix.table(CONFIG))


def test_effect_and_probes_run_the_controls_that_they_show(clone: Path) -> None:
    table = set(evaluations(clone, "results/table_mikasa.tex"))
    effect = evaluations(clone, "results/effect.md", "results/figures/memory_effect.png")
    controls = {"oft_episodic/RememberColor3.receding", "m64_k8/RememberColor3.zero"}
    pictures = {"results/figures/episode.jsonl"}
    assert set(effect) - table - pictures == {f"results/records/released/{name}.jsonl" for name in controls}
    probes = evaluations(clone, "results/figures/delays.png", "results/figures/probes.md")
    shown = {name for name in probes if name.count(".") == 2}
    assert len(shown) == len(CONFIG["controls"]) - 1  # all but the one without memory
    assert "results/records/released/m64_k8/RememberColor3.jsonl" in probes


def test_the_effects_controls_are_found_by_their_conditions() -> None:
    place = {"variant": ["m64_k8", "m64_k2"], "environment": ["RememberColor3", "RememberColor5"]}
    conditions = [
        {"memory": "zero"},
        {"memory": "noise"},
        {"memory": "zero", "mode": "open_loop", "open_loop_steps": 4},
        {"phases": 5},
        {"memory": "zero", "mode": "receding", "phases": 5},
    ]
    controls = [{"name": f"c{number}", **place, **one} for number, one in enumerate(conditions)]
    controls.append({**place, "name": "other", "variant": "oft_episodic", "mode": "receding"})
    config = {**CONFIG, "controls": controls}
    assert matrix.effect_controls(config) == [
        matrix.Cell("m64_k8", "RememberColor3", "c0"),
        matrix.Cell("oft_episodic", "RememberColor3", "other"),
    ]
    assert len([cell for cell in matrix.probes(config) if cell.control]) == len(conditions) * 4


def test_trained_table_starts_from_nothing(clone: Path) -> None:
    jobs = planned(clone, "results/table_mikasa.tex", "--config", "checkpoints=trained")
    assert jobs["collect"] == len(CONFIG["training_environments"]) + 1  # RememberColor5, for rc5_only
    assert jobs["base"] == 1
    assert jobs["train"] == len(CONFIG["variants"])
    assert "pull" not in jobs


def test_smoke_has_every_rule(clone: Path) -> None:
    jobs = planned(clone, "--configfile", "config/smoke.yaml")
    batches = {f"evaluate_{part}_{number}" for part in ("table", "effect") for number in (1, 2)}
    evaluations = {"libero_check", "evaluate_libero_table_1", *batches, "episode_frames", "cue_swap", "trace"}
    tables = {"table", "comparisons", "effect", "audit", "paper_source", "provenance", "all"}
    figures = {"figure_effect", "figure_probes", "probe_statements", "figure_memory_dynamics", "figure_attention"}
    assert jobs.keys() - {"total"} == MAKES_POLICIES | evaluations | tables | figures
    libero = SMOKE["libero"]
    assert jobs["collect"] == len(SMOKE["training_environments"]) + len(libero["tasks"])
    assert jobs["base"] == 2, "one for each benchmark"
    assert jobs["train"] == len(SMOKE["variants"]) + len(libero["variants"])


def test_all_has_every_table_and_figure_and_says_where_they_come_from(clone: Path) -> None:
    jobs = planned(clone, "all")
    libero = len(CONFIG["libero"]["variants"]) * len(CONFIG["libero"]["tasks"])
    pictures = 1
    expected = len(matrix.table(CONFIG)) + len(CONFIG["controls"]) + libero + pictures
    assert len(evaluations(clone, "all")) == expected
    assert jobs["trace"] == jobs["figure_attention"] == len(CONFIG["traces"])
    assert jobs["table"] == 3
    assert jobs["provenance"] == jobs["paper_source"] == jobs["figure_probes"] == jobs["probe_statements"] == 1
    assert not MAKES_POLICIES & jobs.keys()


def test_wrong_configuration_stops_before_the_dag(clone: Path) -> None:
    result = dry_run(clone, "--config", "variants=[m65_k2]")
    told = result.stdout + result.stderr
    assert result.returncode == 1
    assert "variants[0]: 'm65_k2' is unknown; did you mean 'm64_k2'?" in told
    assert "Building DAG" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"episods": 3}, "there is no key 'episods'; did you mean 'episodes'?"),
        (
            {"environments": ["RememberColour3"]},
            "environments[0]: 'RememberColour3' is unknown; did you mean",
        ),
        ({"episodes": 0}, "episodes: 0 is less than the minimum of 1"),
        ({"episodes": "many"}, "episodes: 'many' is not of type 'integer'"),
        ({"checkpoints": "train"}, "checkpoints: 'train' is unknown; did you mean 'trained'?"),
        ({"variants": ["oft", "oft"]}, "variants: ['oft', 'oft'] has non-unique elements"),
        (
            {"controls": [{"name": "a", "variant": "oft"}]},
            "controls[0]: 'environment' is a required property",
        ),
        (
            {"controls": [{**CONFIG["controls"][0], "memry": "zero"}]},
            "there is no key 'memry'; did you mean 'memory'?",
        ),
        ({"outputs": "my results"}, "outputs: 'my results' does not match"),
        ({"controls": [{**CONFIG["controls"][0], "trained_chunk": 16}]}, "trained_chunk is for scale paper"),
    ],
)
def test_each_mistake_is_named(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        validated({**CONFIG, **change}, SCHEMA)


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ValueError, match="m65_k2") as caught:
        validated({**CONFIG, "variants": ["m65_k2"], "episodes": -1, "colour": "red"}, SCHEMA)
    assert "episodes: -1" in str(caught.value)
    assert "no key 'colour'" in str(caught.value)


def test_controls_need_names_of_their_own() -> None:
    control = {"name": "zero", "variant": "m64_k2", "environment": "RememberColor3"}
    doubled = [{**control, "memory": "zero"}, {**control, "memory": "noise"}]
    with pytest.raises(ValueError, match="same variant, environment and name"):
        validated({**CONFIG, "controls": doubled}, SCHEMA)


def test_a_single_task_variant_brings_its_own_task() -> None:
    config = {**CONFIG, "variants": ["oft", "rc5_only"], "training_environments": ["RememberColor3"]}
    assert trainings.environments_of(config, "rc5_only") == ["RememberColor5"]
    assert trainings.environments_of(config, "oft") == ["RememberColor3"]
    assert trainings.demonstrated(config)[:2] == ["RememberColor3", "RememberColor5"]


def test_the_base_also_looks_at_scenes_that_no_variant_is_trained_on() -> None:
    config = {**CONFIG, "training_environments": ["RememberColor3"]}
    found = [Path(file).parent.name for file in trainings.data(config, "base", "")]
    assert found == ["remember_color_3_vla_v0", *(dataset_name(name) for name in trainings.looked_at(config, ""))]
    assert len(found) > 1
    assert set(trainings.looked_at(config, "")) <= set(trainings.demonstrated(config))
    assert len(trainings.data({**config, "scale": "smoke"}, "base", "")) == 1


def test_configurations_are_valid() -> None:
    validated(CONFIG, SCHEMA)
    for other in (SMOKE, {**PAPER, "scale": "paper"}):
        both = copy.deepcopy(CONFIG)
        update_config(both, other)
        validated(both, SCHEMA)


def test_names_are_the_same_everywhere() -> None:
    names = yaml.safe_load(SCHEMA.read_text("utf-8"))["$defs"]
    assert names["environment"]["enum"] == list(MIKASA.environments)
    assert ["pi05", *names["variant"]["enum"]] == list(VARIANTS)
    files = {path.stem for path in (REPOSITORY / "config" / "muvla" / "variant").glob("*.yaml")}
    assert files == {"base", *names["variant"]["enum"]}


def test_every_key_is_described() -> None:
    properties = yaml.safe_load(SCHEMA.read_text("utf-8"))["properties"]
    assert properties.keys() == CONFIG.keys() | PAPER.keys()
    assert reference.PAGE.read_text("utf-8") == reference.page(), "run: python -m muvla.jobs.reference"
    meanings = [line.split(" | ")[-1] for line in reference.page().splitlines() if line.startswith("| `")]
    assert len(meanings) > len(properties)
    assert all(len(meaning) > len("Of |") for meaning in meanings)


def test_the_types_have_the_keys_of_the_schema() -> None:
    schema = yaml.safe_load(SCHEMA.read_text("utf-8"))
    compared = []

    def compare(kind: Any, entry: dict[str, Any]) -> None:
        entry = schema["$defs"][entry["$ref"].rpartition("/")[2]] if "$ref" in entry else entry
        if get_origin(kind) is list:
            kind, entry = get_args(kind)[0], entry["items"]
        if not is_typeddict(kind):
            return
        assert kind.__annotations__.keys() == entry["properties"].keys(), kind
        assert kind.__required_keys__ == set(entry["required"]), kind
        compared.append(kind.__name__)
        for name, inner in get_type_hints(kind).items():
            compare(inner, entry["properties"][name])

    compare(Configuration, schema)
    assert {"Configuration", "Control", "Libero", "Effect", "Trace", "Site", "Hub", "Repository", "Comparison"} == {
        *compared
    }


def test_a_training_depends_on_every_file_that_decides_it() -> None:
    """smoke and the LIBERO scales build on mini; options that no file gives have their defaults in the source."""
    smoke = trainings.settings({**CONFIG, "scale": "smoke"}, "m64_k8", "")
    libero = trainings.settings({**CONFIG, "scale": "smoke"}, "m64_k8", "libero/")
    own = ["config/muvla/variant/m64_k8.yaml", "workflow/muvla/train/scale.py", "workflow/muvla/train/settings.py"]
    assert smoke == [*(f"config/muvla/scale/{name}.yaml" for name in ("smoke", "mini")), *own]
    assert libero == [*(f"config/muvla/scale/{name}.yaml" for name in ("libero_smoke", "libero", "mini")), *own]
    assert all((REPOSITORY / path).is_file() for path in {*smoke, *libero})


def test_paper_matrix_is_the_papers(clone: Path) -> None:
    """11 columns and 23 rows, of three training seeds where they are trained here; LIBERO's 40 tasks."""
    (clone / "config" / "muvla" / "scale" / "paper.yaml").touch()
    own = clone / "own_site.yaml"
    own.write_text('site: {gpu_model: h100, pi05: "port/evaluate {environment} {episodes} {seed} {output}"}')
    arguments = ("--profile", "slurm", "all", "--configfile", str(own), "--config", "scale=paper")
    jobs = planned(clone, *arguments)
    cells = list(evaluations(clone, *arguments))
    carriers, seeds = len(PAPER["libero"]["variants"]), 3
    assert len(PAPER["environments"]) == len(MIKASA.environments) == 23
    assert jobs["evaluate_pi05"] == 23
    own_cells = [name for name in cells if name.count(".") == 1 and "/records/" in name]
    assert len(own_cells) == 10 * seeds * 23 + carriers * 4 * 10 * seeds
    assert jobs["train"] == (10 + carriers) * seeds + 3  # and those of longer chunks
    # interventions and chunk lengths, carriers, tasks; delays and colours in one task; chunks of 16 of the first seed
    assert len([name for name in cells if name.count(".") == 2]) == 9 * 3 * 5 * seeds + (6 + 5) * 3 * seeds + 2 * 3 * 5
    assert jobs["evaluate_table_m64_k2"] == jobs["evaluate_seed2_libero_table_m64_k8_libero_10"] == 1
    assert jobs["fetch_model"] == 1
    assert jobs["fetch_dataset"] == 5 + 4, "only the environments that are trained on"
    assert not {"pull", "collect", "base"} & jobs.keys()


def test_released_checkpoints_of_the_paper_are_not_trained(clone: Path) -> None:
    arguments = ("all", "--config", "scale=paper", "checkpoints=released")
    jobs = planned(clone, *arguments)
    assert jobs["fetch_model"] == 3
    assert len([name for name in evaluations(clone, *arguments) if name.count(".") == 1]) == 2 * 23 + 40
    assert not {"train", "effect"} & jobs.keys()


def test_policies_of_the_paper_act_on_the_gpu(clone: Path) -> None:
    cells = ("m64_k2/RememberColor5", "m64_k2/RememberColor5.zero")
    targets = [f"results/paper/records/trained/{cell}.done" for cell in cells]
    targets += ["results/paper/libero/records/trained/m64_k8/libero_10/3.done"]
    targets += ["results/paper/traces/m64_k2/RememberColor5.npz", "results/paper/figures/episode.npz"]
    told = dry_run(clone, "--printshellcmds", *targets, "--config", "scale=paper").stdout
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
    result = dry_run(clone, "--printshellcmds", *targets, "--config", "scale=paper")
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


def evaluations(clone: Path, *arguments: str) -> dict[str, dict[str, str]]:
    """The options of the evaluations that a call would run, by the record file that they write."""
    result = dry_run(clone, "--printshellcmds", *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    commands = re.findall(r"-m muvla\.evaluate (.*) 2>&1", result.stdout)
    options = [
        dict(word.split("=", 1) for word in shlex.split(part)) for command in commands for part in command.split(" -- ")
    ]
    return {option["output"]: option for option in options}


@pytest.mark.parametrize(
    ("arguments", "source"),
    [
        ((), "bundled"),
        (("--config", "checkpoints=trained"), "trained"),
        # of another name than results/: its policies were called bundled
        (("--config", "checkpoints=trained", "outputs=elsewhere/made_here"), "trained"),
        (("--config", "scale=paper", "checkpoints=released"), "released"),
        (("--config", "scale=paper"), "trained"),
    ],
    ids=["mini", "mini trained", "another folder", "paper released", "paper trained"],
)
def test_evaluations_are_told_where_their_checkpoint_comes_from(
    clone: Path, arguments: tuple[str, ...], source: str
) -> None:
    found = evaluations(clone, "all", *arguments)
    assert len(found) > 20
    assert {options["checkpoint_source"] for options in found.values()} == {source}


def test_evaluations_write_their_marks_themselves(clone: Path) -> None:
    """The cells of the tables and the controls, which have a mark; not the episode whose pictures are kept."""
    found = evaluations(clone, "all")
    (pictures,) = [output for output, options in found.items() if "mark" not in options]
    assert pictures == "results/figures/episode.jsonl"
    assert all(options["mark"] == "true" for output, options in found.items() if output != pictures)


def test_controls_are_evaluated_under_their_conditions(clone: Path) -> None:
    found = evaluations(clone, "all")
    for control in CONFIG["controls"]:
        cell = f"results/records/released/{control['variant']}/{control['environment']}"
        options, usual = found[f"{cell}.{control['name']}.jsonl"], found[f"{cell}.jsonl"]
        own = {key: str(control[key]) for key in matrix.USUAL if key in control}
        paths = {"output": options["output"]}
        assert options == {**usual, **own, **paths}
    libero = found["results/libero/records/released/m64_k2/libero_object/0.jsonl"]
    assert libero["mode"] == CONFIG["libero"]["mode"]
    assert libero["seed"] == "0"
    assert libero["probe"] == "results/libero/start_up_check.json"
    assert libero["checkpoint"] == "checkpoints/mini/libero/m64_k2"


def test_results_land_in_another_directory(clone: Path, tmp_path: Path) -> None:
    """--directory: what is made lies there, what is read (configuration, checkpoints, scripts) in the source tree."""
    there = dry_run(clone, "--printshellcmds", "--directory", str(tmp_path), "all")
    assert there.returncode == 0, there.stdout + there.stderr
    here = planned(clone, "all")
    told = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", there.stdout, flags=re.MULTILINE)}
    assert told == here
    checkpoints = set(re.findall(r"checkpoint=(\S+)", there.stdout))
    assert {(tmp_path / name).resolve().parents[2 if "/libero/" in name else 1] for name in checkpoints} == {
        (clone / "checkpoints").resolve()
    }
    assert "output=results/records/released/m64_k8/RememberColor3.jsonl" in there.stdout
    # a job that reads the source tree and writes there, for real
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [str(snakemake), "--directory", str(tmp_path), "results/audit.md"]
    made = subprocess.run(command, cwd=clone, capture_output=True, text=True, timeout=600, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "results" / "audit.md").is_file()
    assert not (clone / "results" / "audit.md").exists()


def test_the_catalogues_entry_is_the_same_workflow(clone: Path) -> None:
    assert planned(clone, "--snakefile", "workflow/Snakefile") == planned(clone)


def files_of_rules(clone: Path, *arguments: str) -> dict[str, set[str]]:
    """The inputs and outputs of every rule that a call would run; names with wildcards stand as in the rule."""
    graph = dry_run(clone, "--filegraph", *arguments).stdout
    nodes = re.findall(r'point-size="18">(\w+)<(.*?)</table>', graph, flags=re.DOTALL)
    return {rule: set(re.findall(r'face="monospace">([^<]*)<', files)) for rule, files in nodes}


def test_reports_depend_on_their_templates_and_on_the_checkpoints(clone: Path) -> None:
    files = files_of_rules(clone, "all")
    assert "checkpoints/mini.verified" in files["provenance"]
    for rule, templates in {
        "table": ("table.html", "table.tex", "style.html"),
        "paper_source": ("report.html", "report.tex", "report.md", "style.html", "packages.tex"),
        "comparisons": (documents := ("document.html", "document.tex", "document.md", "style.html")),
        "audit": documents,
        "effect": ("document.md",),
        "probe_statements": ("document.md",),
        "provenance": ("document.html", "style.html"),
    }.items():
        assert {f"paper/templates/{name}.jinja" for name in templates} <= files[rule], rule
    trained = files_of_rules(clone, "all", "--config", "checkpoints=trained")["provenance"]
    for policy in ("checkpoints/m64_k8", "checkpoints/rc5_only", "libero/checkpoints/m64_k2"):
        assert f"results/{policy}/provenance.json" in trained


def test_the_episode_with_pictures_leaves_no_records(clone: Path) -> None:
    target = "results/figures/episode.npz"
    assert "rm -f" not in dry_run(clone, "--printshellcmds", target).stdout
    summary = dry_run(clone, "--summary", target).stdout
    for name in ("episode.jsonl", "episode.provenance.json"):
        assert re.search(rf"^results/figures/{name}\t.*\tremoved temp file\t", summary, flags=re.MULTILINE), summary


def test_a_control_that_nobody_configured_is_refused(clone: Path) -> None:
    result = dry_run(clone, "results/records/released/m64_k8/RememberColor3.zeros.done")
    assert result.returncode == 1
    assert "No rule to produce results/records/released/m64_k8/RememberColor3.zeros.done" in result.stdout


def test_the_site_s_command_is_marked_with_the_number_of_its_episodes(clone: Path) -> None:
    own = clone / "own_site.yaml"
    own.write_text('site: {pi05: "port/evaluate {environment} {episodes} {seed} {output}"}')
    target = "results/paper/records/trained/pi05/TakeItBack"
    arguments = ("--configfile", str(own), "--config", "scale=paper")
    result = dry_run(clone, "--printshellcmds", f"{target}.done", *arguments)
    assert f"port/evaluate TakeItBack 100 4242424242 {target}.jsonl" in result.stdout
    assert f"-m muvla.jobs.marks {target}.jsonl 100 )" in result.stdout


@pytest.mark.parametrize(("program", "kept"), [("false", True), ("true", False)], ids=["failed", "finished"])
def test_records_are_superseded_once_the_new_policy_is_there(
    clone: Path, tmp_path: Path, program: str, kept: bool
) -> None:
    """The literal command, with a program in Python's place that fails or ends well."""
    target = "results/checkpoints/m64_k8/provenance.json"
    shown = dry_run(clone, "--printshellcmds", target, "--config", "checkpoints=trained").stdout
    (command,) = re.findall(r"^Shell command: (.* -m muvla\.train variant=m64_k8 .*)$", shown, flags=re.MULTILINE)
    records = tmp_path / "results" / "records" / "trained" / "m64_k8" / "RememberColor3.jsonl"
    records.parent.mkdir(parents=True)
    records.write_text("old")
    (tmp_path / "results" / "logs" / "train").mkdir(parents=True)
    (tmp_path / "workflow").symlink_to(clone / "workflow")
    bash = f"set -euo pipefail; {program} {command.partition(' ')[2]}"
    assert (subprocess.run(["bash", "-c", bash], cwd=tmp_path, check=False).returncode == 0) is not kept
    moved = list(tmp_path.glob("results/superseded/m64_k8.*/RememberColor3.jsonl"))
    assert (records.is_file(), len(moved)) == (kept, 0 if kept else 1)


def test_rules_beside_another_muvla_are_named(clone: Path) -> None:
    """The clone's rules run the installed muvla, which reads its own configuration files."""
    assert f"The rules are of {clone}, the installed muvla is of {REPOSITORY}" in dry_run(clone, "all").stderr
    assert "The rules are of" not in dry_run(REPOSITORY, "results/audit.md").stderr
