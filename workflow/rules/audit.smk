# What the paper prints, checked against itself: a function of config/published/ alone.


rule audit:
    input:
        expand(source("config/published/{name}.csv"), name=[*TABLES, "claims"]),
    output:
        f"{OUT}/audit.md",
        report(f"{OUT}/audit.html", category="Tables"),
        multiext(f"{OUT}/audit", ".tex", ".csv"),
    log:
        f"{OUT}/logs/audit.log",
    benchmark:
        f"{OUT}/benchmarks/audit.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        output=lambda wildcards, output: Path(output[0]).with_suffix(""),
        published=lambda wildcards, input: Path(input[0]).parent,
    message:
        "Arithmetic audit of the printed tables"
    shell:
        python("muvla.report.audit --published {params.published} --output {params.output}")
