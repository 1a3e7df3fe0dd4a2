"""A small results folder made by the rules' own functions, and the site of it, for the tests of the project page."""

from pathlib import Path

from made_up_trace import made_up_trace, write_made_up
from muvla.files import ROOT, write_json
from muvla.model.architecture import MemorySettings
from muvla.report.audit.document import audit
from muvla.report.comparisons import comparisons
from muvla.report.drawing import scalable_pictures
from muvla.report.drawings.method import draw_method
from muvla.report.lineage.page import provenance
from muvla.report.printed import FILES
from muvla.report.probes.figures import figure_probes
from muvla.report.runner import write
from muvla.report.site import assets
from muvla.report.site.site import DOCUMENTS, DRAWINGS, site
from muvla.report.statistics.rules import Effect
from muvla.report.tables.table import table
from muvla.report.traces.cosine_rollout import figure_cosine_rollout
from synthetic_records import PUBLISHED, RULES, TABLE_MIKASA, cells, marks, save, write_cell

MEMORY, BASELINE = "m64_k8", "oft_episodic"
EFFECT = Effect(
    environments=["RememberColor5", "ShellGamePush"],
    memory=MEMORY,
    baseline=BASELINE,
    oracle="oft_first_obs",
    picked=False,
    targets=[],
)
TRACED = [f"{MEMORY}-RememberColor5-4242424243"]
CLAIMS = """claim,paper,verdict,evidence
Memory beats none,Table 1,holds,"m64_k8: 8/10 against 1/10"
Noise drops success on every cell,causal memory intervention,does not hold,"m64_k8: 8/10 (0.49; 0.94); m64_k2: 6/10"
On LIBERO memory costs nothing,"abstract, no regression",does not hold,"m64_k2: 0.50 against 0.67"
On LIBERO memory costs nothing where both re-plan at every step,none,cannot tell,"m64_k2: 0.50 against 0.55"
"""


def make_results(folder: Path) -> Path:
    """Make tables, documents, probes, claims and pictures of a few made-up episodes in `folder`; return it."""
    own, libero = folder / "records" / "released", folder / "libero" / "records" / "released"
    for environment, rate in (("RememberColor5", 8), ("ShellGamePush", 6), ("RememberColor3", 7)):
        write_cell(own, MEMORY, environment, [True] * rate + [False] * (10 - rate))
        write_cell(own, BASELINE, environment, [False] * 9 + [True])
        write_cell(own, "m64_k2", environment, [True, False] * 5)
    for memory in ("zero", "noise"):
        write_cell(own, MEMORY, "RememberColor5", [False] * 9 + [True], memory=memory, control=memory)
    write_cell(own, MEMORY, "RememberColor5", [True, False] * 5, mode="open_loop", open_loop_steps=2, control="chunk2")
    write_cell(libero, "m64_k2", "libero_object/0", [True, False, None], asked=3)
    write_cell(libero, BASELINE, "libero_object/0", [True, True, False])
    table_marks, all_marks, libero_marks = (
        cells(folder / "records"),
        marks(folder / "records"),
        marks(folder / "libero"),
    )
    for name in FILES:
        shown = libero_marks if name == "table_libero" else table_marks
        made = table(records=shown, published=PUBLISHED / f"{name}.csv", environments=TABLE_MIKASA, statistics=RULES)
        save(made, folder / name)
    pairs = [{"first": MEMORY, "second": BASELINE}]
    save(
        comparisons(records=table_marks, published=TABLE_MIKASA, pairs=pairs, statistics=RULES), folder / "comparisons"
    )
    save(audit(tables=[PUBLISHED / f"{name}.csv" for name in FILES], claims=PUBLISHED / "claims.csv"), folder / "audit")
    everything = [*all_marks, *libero_marks]
    lineage = provenance(
        records=everything,
        checkpoints=[],
        traces_and_probes=[],
        root=str(folder),
        snakefile=ROOT / "Snakefile",
        parameters="{}",
    )
    write(lineage, [folder / name for name in lineage])
    probes = figure_probes(records=all_marks, statistics=RULES)
    write(probes, [folder / "figures" / name for name in probes])
    (folder / "claims.csv").write_text(CLAIMS, "utf-8")
    ways = [("m64_k2", MemorySettings(4, tbptt_length=2)), ("m64_ema", MemorySettings(4, "ema"))]
    for name in DRAWINGS:
        save(
            scalable_pictures(lambda: draw_method(ways, "t", "w"), f"The {name} & more", "words"),
            folder / "figures" / name,
        )
    trace = write_made_up(folder / "trace.npz", made_up_trace())
    write_json(folder / "trace.json", {"success": False})  # of TRACED, which succeeded when it was evaluated
    save(figure_cosine_rollout(trace=trace), folder / "figures" / "cosine_rollout-m64_k8-RememberColor3")
    return folder


def make_site(results: Path, folder: Path) -> Path:
    """Make the site of what is in `results`, as the rule does, and return its folder; lacking files are named too."""
    figures = results / "figures"
    pictures = sorted(path for kind in ("svg", "pdf", "png") for path in figures.glob(f"*.{kind}"))
    names = [*FILES, "comparisons", "audit"]
    contents = site(
        pages=[results / f"{name}.html" for name in (*FILES, *DOCUMENTS)],
        numbers=[*(results / f"{name}.csv" for name in (*names, "claims")), *sorted(figures.glob("*.csv"))],
        pictures=pictures,
        names=[path.name for path in pictures],
        records=sorted(results.rglob("*.done")),
        traces=[results / "trace.json"],
        traced=TRACED,
        effect=EFFECT,
        scale="mini",
        statistics=RULES,
    )
    write(contents, [folder / name for name in contents])
    assert set(assets.SITE) <= contents.keys()
    return folder
