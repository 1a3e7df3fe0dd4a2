# Pictures: functions of the records.

PROBES = ["interventions", "chunk_sweep", "delays", "unseen_colours"]
PROBE_FIGURES = PROBES if PROBE_CELLS else []  # what the configuration asks for
PROBE_RECORDS = list(dict.fromkeys(str(Path(cell).parents[1]) for cell in PROBE_CELLS))


rule figure_effect:
    input:
        frames=f"{OUT}/figures/episode.npz",
        records=EFFECT_CELLS,
        published=source("config/published/table_mikasa.csv"),
    output:
        report(f"{OUT}/figures/memory_effect.png", category="Figures"),
        f"{OUT}/figures/memory_effect.pdf",
    log:
        f"{OUT}/logs/figures/effect.log",
    benchmark:
        f"{OUT}/benchmarks/figures/effect.tsv"
    threads: 1
    resources:
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
        python(
            "muvla.report.effect.figure --records {params.records} --environment {params.environment}"
            " --published {input.published} --memory {params.memory}"
            " --baseline {params.baseline} --frames {input.frames} --statistics {params.statistics:q} --output {params.folder}"
        )


rule figure_probes:
    input:
        records=PROBE_CELLS,
        published=source("config/published/table_mikasa.csv"),
    output:
        report(expand(f"{OUT}/figures/{{name}}.png", name=PROBES), category="Figures"),
        expand(f"{OUT}/figures/{{name}}.{{kind}}", name=PROBES, kind=["pdf", "csv"]),
    log:
        f"{OUT}/logs/figures/probes.log",
    benchmark:
        f"{OUT}/benchmarks/figures/probes.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(2000),
        runtime=needs.growing(10),
    params:
        folder=lambda wildcards, output: Path(output[0]).parent,
        records=PROBE_RECORDS,
        statistics=json.dumps(config["statistics"]),
    message:
        "Figures: the paper's probes of the memory"
    shell:
        python(
            "muvla.report.probes.figures --records {params.records} --published {input.published}"
            " --statistics {params.statistics:q} --output {params.folder}"
        )


rule probe_claims:
    input:
        records=PROBE_CELLS,
        published=source("config/published/table_mikasa.csv"),
    output:
        f"{OUT}/figures/probes.md",
    log:
        f"{OUT}/logs/figures/probe_claims.log",
    benchmark:
        f"{OUT}/benchmarks/figures/probe_claims.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        records=PROBE_RECORDS,
        statistics=json.dumps(config["statistics"]),
    message:
        "What the paper says of the probes, checked"
    shell:
        python(
            "muvla.report.probes.claims --records {params.records} --published {input.published}"
            " --statistics {params.statistics:q} --output {output}"
        )
