# Tables and claims: functions of the records whose marks a rule names, and of the printed numbers.

TABLES = ["table_mikasa", "table_memory_vlas", "table_libero"]
PUBLISHED = in_tree("config/published")


rule table:
    input:
        expand(in_tree("paper/templates/table.{kind}.jinja"), kind=["html", "tex"]),
        in_tree("paper/templates/style.html.jinja"),
        records=lambda wildcards: (
            [*LIBERO_TABLE, *LIBERO_SERVED] if wildcards.table == "table_libero" else [*TABLE_CELLS, *SERVED]
        ),
        published=f"{PUBLISHED}/{{table}}.csv",
        environments=f"{PUBLISHED}/table_mikasa.csv",
        sample=lambda wildcards: {"table_mikasa": SAMPLE, "table_libero": LIBERO_SAMPLE}.get(wildcards.table, []),
    output:
        multiext(f"{OUT}/{{table}}", ".tex", ".csv"),
        report(f"{OUT}/{{table}}.html", category="Tables"),
    log:
        f"{OUT}/logs/{{table}}.log",
    benchmark:
        f"{OUT}/benchmarks/{{table}}.tsv"
    params:
        statistics=config["statistics"],
        missing=[bundled.path_of(cell) for cell in recorded.missing(config)],
    message:
        "The printed numbers of {wildcards.table} beside ours"
    script:
        "../scripts/report.py"


rule sample:
    input:
        DOCUMENT,
        sample=[*SAMPLE, *LIBERO_SAMPLE],
    output:
        f"{OUT}/sample.md",
    log:
        f"{OUT}/logs/sample.log",
    benchmark:
        f"{OUT}/benchmarks/sample.tsv"
    message:
        "Are the episodes that were evaluated again the recorded ones?"
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


# Every evaluation there is: a claim that no record decides says what is missing.
rule claims:
    input:
        DOCUMENT,
        records=[*EVALUATED, *AGAIN, *LIBERO_EVALUATED],
        published=f"{PUBLISHED}/table_mikasa.csv",
    output:
        multiext(f"{OUT}/claims", ".md", ".csv"),
    log:
        f"{OUT}/logs/claims.log",
    benchmark:
        f"{OUT}/benchmarks/claims.tsv"
    params:
        effect=config["effect"],
        statistics=config["statistics"],
    message:
        "The paper's claims, decided on the records"
    script:
        "../scripts/report.py"


# MIKASA's "standard five" in the format of vla-eval: whichever of them the configuration evaluates.
STANDARD_FIVE = ["ShellGameTouch", "InterceptMedium", "RememberColor3", "RememberColor5", "RememberColor9"]


rule leaderboard:
    input:
        records=[cell for cell in [*TABLE_CELLS, *SERVED] if Path(cell).stem in STANDARD_FIVE],
    output:
        f"{OUT}/leaderboard.json",
    log:
        f"{OUT}/logs/leaderboard.log",
    benchmark:
        f"{OUT}/benchmarks/leaderboard.tsv"
    params:
        statistics=config["statistics"],
    message:
        "Results on MIKASA's standard five, in vla-eval's format"
    script:
        "../scripts/report.py"
