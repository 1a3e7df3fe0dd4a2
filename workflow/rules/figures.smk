# Pictures: functions of the records.


rule figure_effect:
    input:
        frames=f"{OUT}/figures/episode.npz",
        records=EVALUATED,
        published="config/published/table_mikasa.csv",
    output:
        multiext(f"{OUT}/figures/memory_effect", ".png", ".pdf"),
    log:
        f"{OUT}/logs/figures/effect.log",
    benchmark:
        f"{OUT}/benchmarks/figures/effect.tsv"
    threads: 1
    resources:
        **needs.cpu(),
        mem_mb=needs.growing(2000),
        runtime=needs.growing(10),
    params:
        **EFFECT,
        folder=lambda wildcards, output: Path(output[0]).parent,
        records=lambda wildcards: RECORDS,
        statistics=json.dumps(config["statistics"]),
    message:
        "Figure: success with memory and without"
    shell:
        "python -m muvla.report.figures --records {params.records} --environment {params.environment}"
        " --published {input.published} --memory {params.memory}"
        " --baseline {params.baseline} --frames {input.frames} --statistics {params.statistics:q} --output {params.folder}"
        " 2>&1 | workflow/scripts/show {log}"
