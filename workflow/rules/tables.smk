# Tables and verdicts: functions of the records and of the printed numbers.
import json

TABLES = ["table_mikasa", "table_memory_vlas", "table_libero"]
RECORDS = str(Path(CELL.format(home="", variant="", environment="")))
LIBERO_RECORDS = str(Path(CELL.format(home="libero/", variant="", environment="")))


# LIBERO's policies are evaluated where there are any: trained here, or bundled.
LIBERO_THERE = TRAINED or needs.paper or "libero/" in (ROOT / "config/checkpoints.sha256").read_text("utf-8")
TABLE_RECORDS = {table: (TABLE_CELLS, RECORDS) for table in TABLES}
TABLE_RECORDS["table_libero"] = (LIBERO_EVALUATED if LIBERO_THERE else [], LIBERO_RECORDS)


rule table:
    input:
        records=lambda wildcards: TABLE_RECORDS[wildcards.table][0],
        published=source("config/published/{table}.csv"),
        environments=source("config/published/table_mikasa.csv"),
    output:
        f"{OUT}/{{table}}.tex",
        report(f"{OUT}/{{table}}.html", category="Tables"),
        f"{OUT}/{{table}}.csv",
    log:
        f"{OUT}/logs/{{table}}.log",
    benchmark:
        f"{OUT}/benchmarks/{{table}}.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
        records=lambda wildcards, input: f"--records {TABLE_RECORDS[wildcards.table][1]}" if input.records else "",
        statistics=json.dumps(config["statistics"]),
    message:
        "The printed numbers of {wildcards.table} beside ours"
    shell:
        python(
            "muvla.report.tables {params.records} --published {input.published}"
            " --statistics {params.statistics:q} --output {params.output}"
        )


rule comparisons:
    input:
        records=TABLE_CELLS,
        published=source("config/published/table_mikasa.csv"),
    output:
        f"{OUT}/comparisons.md",
        report(f"{OUT}/comparisons.html", category="Tables"),
        multiext(f"{OUT}/comparisons", ".tex", ".csv"),
    log:
        f"{OUT}/logs/comparisons.log",
    benchmark:
        f"{OUT}/benchmarks/comparisons.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
        pairs=json.dumps(config["comparisons"]),
        records=lambda wildcards: RECORDS,
        statistics=json.dumps(config["statistics"]),
    message:
        "Variants compared on the same seeds"
    shell:
        python(
            "muvla.report.paired --records {params.records} --published {input.published}"
            " --pairs {params.pairs:q} --statistics {params.statistics:q} --output {params.output}"
        )


rule effect:
    input:
        records=EFFECT_CELLS,
        published=source("config/published/table_mikasa.csv"),
    output:
        f"{OUT}/effect.md",
    log:
        f"{OUT}/logs/effect.log",
    benchmark:
        f"{OUT}/benchmarks/effect.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        **EFFECT,
        picked="--picked" if config["effect"]["picked"] else "",
        records=lambda wildcards: RECORDS,
        statistics=json.dumps(config["statistics"]),
        targets=json.dumps(config["effect"]["targets"]),
    message:
        "The effect: {params.memory} against {params.baseline} in {params.environment}"
    shell:
        python(
            "muvla.report.effect --records {params.records} --environment {params.environment}"
            " --published {input.published} --memory {params.memory} {params.picked}"
            " --baseline {params.baseline} --statistics {params.statistics:q} --targets {params.targets:q}"
            " --output {output}"
        )
