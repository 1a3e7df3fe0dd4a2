"""Which jobs the targets would run, and which files they depend on."""

import re
from pathlib import Path

from dry_runs import CONFIG, LAB, PAPER, REPOSITORY, SMOKE, call, counted, dry_run, evaluations, planned
from muvla.benchmark.mikasa import MIKASA
from muvla.jobs import matrix, recorded, traces, trainings
from muvla.jobs.batches import trace_batches
from muvla.jobs.bundled import path_of
from muvla.jobs.matrix import Cell

MAKES_POLICIES = {"collect", "base", "train"}
MEASURED = ("--config", "records=measured")
AGAIN = [cell for cell in matrix.repeated(CONFIG) if not matrix.on_libero(cell.home)]  # of the other training seeds


def records(cell: Cell) -> str:
    return f"results/{cell.home}records/released/{path_of(cell._replace(home=''))}.jsonl"


def test_released_table_trains_nothing_and_runs_its_own_cells_only(clone: Path) -> None:
    jobs = planned(clone, "results/table_mikasa.tex")
    assert jobs["table"] == 1
    assert not MAKES_POLICIES & jobs.keys()
    found = evaluations(clone, "results/table_mikasa.tex", *MEASURED)
    again = [cell for cell in AGAIN if not cell.control]
    assert sorted(found) == sorted(records(cell) for cell in [*matrix.table(CONFIG), *again])
    assert len(found) - len(again) == 23 * len(matrix.available(CONFIG)) >= 2 * 23


def test_tables_of_records_that_come_along_evaluate_the_sample_only(clone: Path) -> None:
    found = evaluations(clone, "results/table_mikasa.tex")
    sample = [cell for cell in recorded.sample(CONFIG) if not matrix.on_libero(cell.home)]
    assert sorted(found) == sorted(f"results/records/sample/{v}/{e}.jsonl" for v, e, *_ in sample)
    assert {one["episodes"] for one in found.values()} <= {str(CONFIG["sample"]["episodes"])}


def test_effect_and_probes_run_the_controls_that_they_show(clone: Path) -> None:
    table = set(evaluations(clone, "results/table_mikasa.tex", *MEASURED))
    effect = evaluations(clone, "results/figures/memory_effect.png", *MEASURED)
    shown_controls = [("oft_episodic", "receding"), ("m64_k2", "zero")]
    controls = {
        records(Cell(variant, environment, control, home))
        for home in matrix.seeds(CONFIG)
        for environment in CONFIG["training_environments"]
        for variant, control in shown_controls
    }
    pictures = {"results/figures/episode.jsonl"}
    assert set(effect) - table - pictures == controls
    probes = evaluations(clone, "results/figures/delays.png", *MEASURED)
    first = {name for name in probes if name.startswith("results/records/")}
    shown = {name for name in first if name.count(".") == 2 and "/oft_episodic/" not in name}  # shares a batch
    carriers = {"m64_k2", "m64_k8", "m64_ema"} & set(matrix.available(CONFIG))
    assert len(shown) == len(carriers) * (9 * 5 + 8)  # nine probes in five tasks, eight in one
    assert "results/records/released/m64_k2/RememberColor5.jsonl" in probes
    claims = set(evaluations(clone, "results/claims.md", *MEASURED))
    assert claims == set(evaluations(clone, "all", *MEASURED)) - pictures


def test_trained_table_starts_from_nothing(clone: Path) -> None:
    jobs = planned(clone, "results/table_mikasa.tex", "--config", "checkpoints=trained")
    assert jobs["collect"] == len({*CONFIG["training_environments"], *trainings.looked_at(CONFIG, "")})
    assert jobs["base"] == 1, "all training seeds start from the first one's"
    again = len(CONFIG["repeated"]["variants"]) * (len(CONFIG["training_seeds"]) - 1)
    assert jobs["train"] == len(CONFIG["variants"]) + again
    assert "pull" not in jobs


def test_smoke_has_every_rule(clone: Path) -> None:
    jobs = planned(clone, "--configfile", "config/smoke.yaml")
    batches = {f"evaluate_{part}_{number}" for part in ("table", "effect") for number in (1, 2)}
    evaluations = {"libero_check", "evaluate_libero_table_1", *batches, "episode_frames", "cue_swap", "trace_1"}
    tables = {"table", "comparisons", "claims", "audit", "paper_source", "provenance", "archive", "all"}
    figures = {"figure_effect", "figure_probes", "figure_memory_dynamics", "figure_attention"}
    drawings = {"figure_architecture", "figure_masks", "figure_method", "figure_cosine_rollout"}
    assert jobs.keys() - {"total"} == MAKES_POLICIES | evaluations | tables | figures | drawings | {
        "site",
        "site_viewer",
    }
    libero = SMOKE["libero"]
    assert jobs["collect"] == len(SMOKE["training_environments"]) + len(libero["tasks"])
    assert jobs["base"] == 2, "one for each benchmark"
    assert jobs["train"] == len(SMOKE["variants"]) + len(libero["variants"])


def test_all_has_every_table_and_figure_and_says_where_they_come_from(clone: Path) -> None:
    jobs = planned(clone, "all", *MEASURED)
    libero = len(matrix.libero_cells(CONFIG))
    pictures = 1
    expected = len(matrix.table(CONFIG)) + len(matrix.control_cells(CONFIG)) + len(AGAIN) + libero + pictures
    assert len(evaluations(clone, "all", *MEASURED)) == expected
    assert {f"trace_{number + 1}" for number in range(len(trace_batches(CONFIG)))} <= jobs.keys()
    assert jobs["figure_attention"] == len(traces.drawn(CONFIG))
    assert jobs["table"] == 3
    assert (
        jobs["site"]
        == jobs["site_viewer"]
        == jobs["figure_architecture"]
        == jobs["figure_masks"]
        == jobs["figure_method"]
        == 1
    )
    assert jobs["provenance"] == jobs["paper_source"] == jobs["figure_probes"] == jobs["claims"] == 1
    assert not MAKES_POLICIES & jobs.keys()


def test_wrong_configuration_stops_before_the_dag(clone: Path) -> None:
    result = dry_run(clone, "--config", "variants=[m65_k2]")
    told = result.stdout + result.stderr
    assert result.returncode == 1
    assert "variants[0]: 'm65_k2' is unknown; did you mean 'm64_k2'?" in told
    assert "Building DAG" not in told
    assert "Traceback" not in told


def test_paper_matrix_is_the_papers(clone: Path) -> None:
    """11 columns and 23 rows, of three training seeds where they are trained here; LIBERO's 40 tasks."""
    jobs = planned(clone, *LAB)
    cells = list(evaluations(clone, *LAB))
    carriers, seeds = len(PAPER["libero"]["variants"]), 3
    assert len(PAPER["environments"]) == len(MIKASA.environments) == 23
    assert jobs["evaluate_served_pi05_mikasa"] == 1
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
    assert not {"train", "figure_effect"} & jobs.keys()


def test_results_land_in_another_directory(clone: Path, tmp_path: Path) -> None:
    """--directory: what is made lies there, what is read (configuration, checkpoints, scripts) in the source tree."""
    there = dry_run(clone, "--directory", str(tmp_path), "all", *MEASURED)
    assert counted(there) == planned(clone, "all", *MEASURED)
    checkpoints = {(tmp_path / name).resolve() for name in re.findall(r"checkpoint=(\S+)", there.stdout)}
    cells = [*matrix.table(CONFIG), *matrix.control_cells(CONFIG), *AGAIN, *matrix.libero_cells(CONFIG)]
    assert checkpoints == {(clone / "checkpoints/mini" / cell.home / cell.variant).resolve() for cell in cells}
    assert "output=results/records/released/m64_k2/RememberColor5.jsonl" in there.stdout
    # a job that reads the source tree and writes there, for real
    made = call(clone, "--directory", str(tmp_path), "results/audit.md")
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / "results" / "audit.md").is_file()
    assert not (clone / "results" / "audit.md").exists()


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(clone: Path, tmp_path: Path) -> None:
    (tmp_path / ".snakemake").write_text("in the way")
    result = call(clone, "--directory", str(tmp_path), "results/audit.md")
    assert result.returncode == 1
    assert f"cannot write {tmp_path}/.snakemake: " in result.stderr
    assert "choose another folder, then run again (--directory)" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_catalogues_entry_is_the_same_workflow(clone: Path) -> None:
    assert planned(clone, "--snakefile", "workflow/Snakefile") == planned(clone, "all")


def files_of_rules(clone: Path, *arguments: str) -> dict[str, set[str]]:
    """The inputs and outputs of every rule that a call would run; names with wildcards stand as in the rule."""
    graph = dry_run(clone, "--filegraph", *arguments).stdout
    nodes = re.findall(r'point-size="18">(\w+)<(.*?)</table>', graph, flags=re.DOTALL)
    return {rule: set(re.findall(r'face="monospace">([^<]*)<', files)) for rule, files in nodes}


def test_reports_depend_on_their_templates_and_on_the_checkpoints(clone: Path) -> None:
    files = files_of_rules(clone, "all", *MEASURED)
    assert "checkpoints/mini.verified" in files["provenance"]
    for rule, templates in {
        "table": ("table.html", "table.tex", "style.html"),
        "paper_source": ("report.html", "report.tex", "report.md", "style.html", "packages.tex"),
        "comparisons": (documents := ("document.html", "document.tex", "document.md", "style.html")),
        "audit": documents,
        "claims": ("document.md",),
        "provenance": ("document.html", "style.html"),
        "site": ("site/base.html", "site/index.html", "site/tables.html", "site/chart.html"),
    }.items():
        assert {f"paper/templates/{name}.jinja" for name in templates} <= files[rule], rule
    trained = files_of_rules(clone, "all", "--config", "checkpoints=trained")["provenance"]
    for policy in ("checkpoints/m64_k8", "checkpoints/rc5_only", "libero/checkpoints/m64_k2"):
        assert f"results/{policy}/provenance.json" in trained


def test_the_episode_with_pictures_leaves_no_records(clone: Path) -> None:
    target = "results/figures/episode.npz"
    assert "rm -f" not in dry_run(clone, target).stdout
    summary = dry_run(clone, "--summary", target).stdout
    for name in ("episode.jsonl", "episode.provenance.json"):
        assert re.search(rf"^results/figures/{name}\t.*\tremoved temp file\t", summary, flags=re.MULTILINE), summary


def test_a_control_that_nobody_configured_is_refused(clone: Path) -> None:
    result = dry_run(clone, "results/records/released/m64_k8/RememberColor5.zeros.done", *MEASURED)
    assert result.returncode == 1
    assert "No rule to produce results/records/released/m64_k8/RememberColor5.zeros.done" in result.stdout


def test_rules_beside_another_muvla_are_named(clone: Path) -> None:
    """The clone's rules run the installed muvla, which reads its own configuration files."""
    assert f"The rules are of {clone}, the installed muvla is of {REPOSITORY}" in dry_run(clone, "all").stderr
    assert "The rules are of" not in dry_run(REPOSITORY, "results/audit.md").stderr
