# What the paper prints, checked against itself: a function of config/published/ alone.


rule audit:
    input:
        DOCUMENT,
        tables=expand(f"{PUBLISHED}/{{name}}.csv", name=TABLES),
        claims=f"{PUBLISHED}/claims.csv",
    output:
        multiext(f"{OUT}/audit", ".md", ".tex", ".csv"),
        report(f"{OUT}/audit.html", category="Tables"),
    log:
        f"{OUT}/logs/audit.log",
    benchmark:
        f"{OUT}/benchmarks/audit.tsv"
    message:
        "Arithmetic audit of the printed tables"
    script:
        "../scripts/report.py"
