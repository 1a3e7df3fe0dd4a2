# The report of all tables and findings: a page, and a PDF where LaTeX is installed.

FRAGMENTS = [*TABLES, "comparisons", "audit"]
# each results/figures/<name>.pdf and .png
FIGURES = [
    *(["memory_effect"] if matrix.has_effect(config) and EFFECT_CELLS else []),
    *DRAWINGS,
    *PROBE_FIGURES,
    *TRACE_FIGURES,
]
LATEX_LOG = f"{OUT}/logs/paper_latex.log"


# paper.tex is an output of its own rule: it stays when LaTeX is missing or stops.
rule paper_source:
    input:
        expand(in_tree("paper/templates/report.{kind}.jinja"), kind=["md", "html", "tex"]),
        expand(in_tree("paper/templates/{part}.jinja"), part=["style.html", "packages.tex"]),
        fragments=expand(f"{OUT}/{{name}}.{{kind}}", name=FRAGMENTS, kind=["csv", "html"]),
        pictures=expand(f"{OUT}/figures/{{name}}.png", name=FIGURES),
    output:
        f"{OUT}/paper.tex",
        report(f"{OUT}/tables.html", category="Report"),
    log:
        f"{OUT}/logs/paper.log",
    benchmark:
        f"{OUT}/benchmarks/paper.tsv"
    params:
        figures=FIGURES,
        effect=config["effect"],
    message:
        "The report: tables.html and paper.tex"
    script:
        "../scripts/report.py"


rule paper:
    input:
        expand(f"{OUT}/{{name}}.tex", name=FRAGMENTS),
        expand(f"{OUT}/figures/{{name}}.pdf", name=FIGURES),
        source=f"{OUT}/paper.tex",
    output:
        report(f"{OUT}/paper.pdf", category="Report"),
    log:
        f"{OUT}/logs/paper_pdf.log",
        LATEX_LOG,
    benchmark:
        f"{OUT}/benchmarks/paper_pdf.tsv"
    params:
        latex_log=LATEX_LOG,
    message:
        "The report as PDF"
    script:
        "../scripts/report.py"
