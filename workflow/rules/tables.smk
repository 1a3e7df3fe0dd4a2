# Tables and verdicts: functions of the records and of the printed numbers.


rule table_mikasa:
    input:
        records=EVALUATED,
        published="config/published/table_mikasa.csv",
    output:
        multiext(f"{OUT}/table_mikasa", ".tex", ".html", ".csv"),
    log:
        f"{OUT}/logs/table_mikasa.log",
    benchmark:
        f"{OUT}/benchmarks/table_mikasa.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        records=lambda wildcards, input: Path(input.records[0]).parents[1],
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
    message:
        "Table 1"
    shell:
        "python -m muvla.report.tables --records {params.records} --published {input.published}"
        " --output {params.output} 2>&1 | workflow/scripts/show {log}"


rule effect:
    input:
        records=EVALUATED,
        published="config/published/table_mikasa.csv",
    output:
        f"{OUT}/effect.md",
    log:
        f"{OUT}/logs/effect.log",
    benchmark:
        f"{OUT}/benchmarks/effect.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **config["effect"],
        records=lambda wildcards, input: Path(input.records[0]).parents[1],
    message:
        "The effect: {params.memory} against {params.baseline} in {params.environment}"
    shell:
        "python -m muvla.report.effect --records {params.records} --environment {params.environment}"
        " --published {input.published} --memory {params.memory}"
        " --baseline {params.baseline} --output {output} 2>&1 | workflow/scripts/show {log}"
