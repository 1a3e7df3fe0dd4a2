# Tables and verdicts: functions of the records whose marks a rule names, and of the printed numbers.

TABLES = ["table_mikasa", "table_memory_vlas", "table_libero"]
PUBLISHED = in_tree("config/published")


# LIBERO's policies are evaluated where there are any: trained here, or bundled.
LIBERO_THERE = TRAINED or needs.paper or "libero/" in (ROOT / "config/checkpoints.sha256").read_text("utf-8")


rule table:
    input:
        expand(in_tree("paper/templates/table.{kind}.jinja"), kind=["html", "tex"]),
        in_tree("paper/templates/style.html.jinja"),
        records=lambda wildcards: (
            TABLE_CELLS if wildcards.table != "table_libero" else LIBERO_EVALUATED if LIBERO_THERE else []
        ),
        published=f"{PUBLISHED}/{{table}}.csv",
        environments=f"{PUBLISHED}/table_mikasa.csv",
    output:
        multiext(f"{OUT}/{{table}}", ".tex", ".csv"),
        report(f"{OUT}/{{table}}.html", category="Tables"),
    log:
        f"{OUT}/logs/{{table}}.log",
    benchmark:
        f"{OUT}/benchmarks/{{table}}.tsv"
    params:
        statistics=config["statistics"],
    message:
        "The printed numbers of {wildcards.table} beside ours"
    script:
        "../scripts/report.py"


rule comparisons:
    input:
        DOCUMENT,
        records=TABLE_CELLS,
        published=f"{PUBLISHED}/table_mikasa.csv",
    output:
        multiext(f"{OUT}/comparisons", ".md", ".tex", ".csv"),
        report(f"{OUT}/comparisons.html", category="Tables"),
    log:
        f"{OUT}/logs/comparisons.log",
    benchmark:
        f"{OUT}/benchmarks/comparisons.tsv"
    params:
        pairs=config["comparisons"],
        statistics=config["statistics"],
    message:
        "Variants compared on the same seeds"
    script:
        "../scripts/report.py"


rule effect:
    input:
        DOCUMENT,
        records=EFFECT_CELLS,
    output:
        f"{OUT}/effect.md",
    log:
        f"{OUT}/logs/effect.log",
    benchmark:
        f"{OUT}/benchmarks/effect.tsv"
    params:
        **EFFECT,
        picked=config["effect"]["picked"],
        statistics=config["statistics"],
        targets=config["effect"]["targets"],
    message:
        "The effect: {params.memory} against {params.baseline} in {params.environment}"
    script:
        "../scripts/report.py"
