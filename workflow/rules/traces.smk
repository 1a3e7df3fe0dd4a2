# Single episodes with their internals recorded: how the memory changed, and where memory and actions attend.

TRACES = matrix.traces(config)
TRACE = f"{OUT}/traces/{{variant}}/{{environment}}.npz"
DYNAMICS = f"{OUT}/figures/memory_dynamics/{{variant}}/{{environment}}"
COSINE = f"{OUT}/figures/cosine_rollout/{{variant}}/{{environment}}"
ATTENTION = f"{OUT}/figures/attention/{{variant}}/{{environment}}"


rule trace:
    input:
        checkpoint=lambda wildcards: checkpoint_of(wildcards.variant, matrix.home_of(wildcards.environment)).complete,
    output:
        trace=TRACE,
        provenance=f"{OUT}/traces/{{variant}}/{{environment}}.json",
    log:
        f"{OUT}/logs/trace/{{variant}}/{{environment}}.log",
    benchmark:
        f"{OUT}/benchmarks/trace/{{variant}}/{{environment}}.tsv"
    container:
        EVALUATION_IMAGE
    threads: 1
    resources:
        **needs.gpu(1),
        mem_mb=needs.growing(5000, paper=64000),
        runtime=needs.growing(60, paper=360),
    params:
        overrides=lambda wildcards, output: overrides.trace(
            config,
            wildcards.variant,
            wildcards.environment,
            checkpoint_of(wildcards.variant, matrix.home_of(wildcards.environment)).folder,
            threads=1,
            output=output.trace,
        ),
    message:
        "Tracing an episode of {wildcards.variant} in {wildcards.environment}"
    shell:
        python("muvla.trace {params.overrides:q}")


rule figure_memory_dynamics:
    input:
        trace=TRACE,
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
        trace=TRACE,
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
        trace=TRACE,
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
    for variant, environment in TRACES
    for figure in ("memory_dynamics", "cosine_rollout", "attention")
    if figure == "attention" or matrix.has_memory(variant)
]
# the JSON file of each trace, which says what made it
TRACE_JSONS = [f"{OUT}/traces/{variant}/{environment}.json" for variant, environment in TRACES]
