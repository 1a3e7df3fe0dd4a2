# The report of all tables and findings: a page, and a PDF where LaTeX is installed.

FRAGMENTS = [*TABLES, "comparisons", "audit"]
# each results/figures/<name>.pdf and .png
FIGURES = [*(["memory_effect"] if matrix.has_effect(config) else []), *PROBE_FIGURES, *TRACE_FIGURES]


# paper.tex is an output of its own rule: it stays when LaTeX is missing or stops.
rule paper_source:
    input:
        fragments=expand(f"{OUT}/{{name}}.{{kind}}", name=FRAGMENTS, kind=["csv", "html", "tex"]),
        figures=expand(f"{OUT}/figures/{{name}}.{{kind}}", name=FIGURES, kind=["pdf", "png"]),
        templates=[source("paper/templates/report.md.jinja"), source("paper/templates/report.tex.jinja")],
    output:
        tex=f"{OUT}/paper.tex",
        html=report(f"{OUT}/tables.html", category="Report"),
    log:
        f"{OUT}/logs/paper.log",
    benchmark:
        f"{OUT}/benchmarks/paper.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    params:
        **EFFECT,
        figures=FIGURES,
        picked="--picked" if config["effect"]["picked"] else "",
        results=lambda wildcards, output: Path(output.tex).parent,
    message:
        "The report: tables.html and paper.tex"
    shell:
        python(
            "muvla.report.paper --results {params.results} --environment {params.environment}"
            " --memory {params.memory} {params.picked} --baseline {params.baseline} --figures {params.figures}"
        )


rule paper:
    input:
        f"{OUT}/paper.tex",
    output:
        report(f"{OUT}/paper.pdf", category="Report"),
    log:
        log=f"{OUT}/logs/paper_pdf.log",
        latex=f"{OUT}/logs/paper_latex.log",
    benchmark:
        f"{OUT}/benchmarks/paper_pdf.tsv"
    threads: 1
    resources:
        mem_mb=needs.growing(1000),
        runtime=needs.growing(10),
    message:
        "The report as PDF"
    shell:
        f"{PYTHON} -m muvla.report.paper.pdf {{input}} --latex-log {{log.latex}} 2>&1 | {SHOW} {{log.log}}"
