# Single episodes with their internals recorded: how the memory changed, and where memory and actions attend.

DRAWN = traces.drawn(config)
DYNAMICS = f"{OUT}/figures/memory_dynamics/{{variant}}/{{environment}}"
COSINE = f"{OUT}/figures/cosine_rollout/{{variant}}/{{environment}}"
ATTENTION = f"{OUT}/figures/attention/{{variant}}/{{environment}}"

# One process traces a batch of policies (muvla/jobs/batches.py).
for batch in batches.trace_batches(config):

    rule:
        name:
            batch.name
        input:
            sorted({checkpoint_of(cell.variant, cell.home).complete for cell in batch.cells}),
        output:
            [file for cell in batch.cells for kind in ("npz", "json") for file in traces_of(*cell[:2], kind)],
        log:
            f"{OUT}/logs/trace/{batch.name}.log",
        benchmark:
            f"{OUT}/benchmarks/trace/{batch.name}.tsv"
        container:
            EVALUATION_IMAGE
        threads: 1
        resources:
            **needs.gpu(1),
            mem_mb=needs.growing(5000, paper=64000),
            runtime=needs.growing(60, paper=120 * len(batch.cells)),
        params:
            traces=overrides.several(
                overrides.trace(
                    config,
                    cell.variant,
                    cell.environment,
                    checkpoint_of(cell.variant, cell.home).folder,
                    threads=1,
                    output=str(Path(traces_of(*cell[:2])[0]).parent),
                )
                for cell in batch.cells
            ),
        message:
            f"Tracing episodes of {batch.title}"
        shell:
            python("muvla.trace {params.traces}")


rule figure_memory_dynamics:
    input:
        trace=first_trace,
    output:
        report(f"{DYNAMICS}.png", category="Figures"),
        f"{DYNAMICS}.pdf",
    log:
        f"{OUT}/logs/figures/memory_dynamics/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/figures/memory_dynamics/{{variant}}/{{environment}}.tsv"
    resources:
        mem_mb=needs.growing(2000, paper=4000),
    message:
        "Figure: the memory of {wildcards.variant} in an episode of {wildcards.environment}"
    script:
        "../scripts/report.py"


rule figure_cosine_rollout:
    input:
        trace=first_trace,
    output:
        report(f"{COSINE}.png", category="Figures"),
        multiext(COSINE, ".svg", ".pdf"),
    log:
        f"{OUT}/logs/figures/cosine_rollout/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/figures/cosine_rollout/{{variant}}/{{environment}}.tsv"
    resources:
        mem_mb=needs.growing(2000, paper=4000),
    message:
        "Figure: how the memory of {wildcards.variant} changes along an episode of {wildcards.environment}"
    script:
        "../scripts/report.py"


rule figure_attention:
    input:
        trace=first_trace,
    output:
        report(f"{ATTENTION}.png", category="Figures"),
        multiext(ATTENTION, ".pdf", ".gif"),
    log:
        f"{OUT}/logs/figures/attention/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/figures/attention/{{variant}}/{{environment}}.tsv"
    resources:
        mem_mb=needs.growing(2000, paper=4000),
    message:
        "Figure: where {wildcards.variant} looks in an episode of {wildcards.environment}"
    script:
        "../scripts/report.py"


# names below <outputs>/figures, each a .png and a .pdf
TRACE_FIGURES = [
    f"{figure}/{variant}/{environment}"
    for variant, environment in DRAWN
    for figure in ("memory_dynamics", "cosine_rollout", "attention")
    if figure == "attention" or matrix.has_memory(variant)
]
# the JSON file of each trace, which says what made it
TRACE_JSONS = [file for place in TRACES for file in traces_of(*place, "json")]
