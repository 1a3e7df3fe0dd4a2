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
        mem_mb=2000,
        runtime=10,
    params:
        **config["effect"],
        folder=lambda wildcards, output: Path(output[0]).parent,
        records=lambda wildcards, input: Path(input.records[0]).parents[1],
    message:
        "Figure: success with memory and without"
    shell:
        "python -m muvla.report.figures --records {params.records} --environment {params.environment}"
        " --published {input.published} --memory {params.memory}"
        " --baseline {params.baseline} --frames {input.frames} --output {params.folder}"
        " 2>&1 | workflow/scripts/show {log}"
