# The project page: a static site that opens from the file system and under any prefix of a static host. The episode
# viewer among its pages has a rule of its own.

SITE_PAGES = ["index", "tables", "probes", "comparisons", "claims", "audit", "provenance"]
SITE_NUMBERS = [f"{name}.csv" for name in [*FRAGMENTS, "claims"]] + [f"figures/{name}.csv" for name in PROBE_FIGURES]
# Drawings, and one episode, of the effect's first environment where it is traced; the viewer shows the others. They lie
# beside the pages, with - in place of /.
SITE_PICTURES = [f"{name}.{kind}" for name in DRAWINGS for kind in ("svg", "pdf")]
SITE_ROLLOUT = sorted(
    (name for name in TRACE_FIGURES if name.startswith("cosine_rollout/")),
    key=lambda name: Path(name).name != EFFECT["environment"],
)[:1]
SITE_PICTURES += [f"{name}.{kind}" for name in SITE_ROLLOUT for kind in ("svg", "pdf", "png")]
SITE_PICTURE_NAMES = ["-".join(Path(name).parts) for name in SITE_PICTURES]


rule site:
    input:
        expand(in_tree("paper/templates/site/{page}.html.jinja"), page=["base", "parts", "chart", "document"]),
        expand(in_tree("paper/templates/site/{page}.html.jinja"), page=["index", "tables", "probes", "claims"]),
        expand(in_tree("paper/templates/site/{asset}"), asset=assets.SITE),
        f"{SITE}/viewer.html",  # which the pages link to
        pages=expand(f"{OUT}/{{name}}.html", name=[*FRAGMENTS, "provenance"]),
        numbers=expand(f"{OUT}/{{name}}", name=SITE_NUMBERS),
        pictures=expand(f"{OUT}/figures/{{name}}", name=SITE_PICTURES),
        traces=TRACE_JSONS,
        records=[*EVALUATED, *AGAIN, *LIBERO_EVALUATED, *SERVED, *LIBERO_SERVED],
    output:
        expand(f"{SITE}/{{page}}.html", page=SITE_PAGES),
        expand(f"{SITE}/{{asset}}", asset=assets.SITE),
        expand(f"{SITE}/{{name}}", name=[Path(name).name for name in SITE_NUMBERS]),
        expand(f"{SITE}/{{name}}", name=SITE_PICTURE_NAMES),
    log:
        f"{OUT}/logs/site.log",
    benchmark:
        f"{OUT}/benchmarks/site.tsv"
    params:
        names=SITE_PICTURE_NAMES,
        traced=EPISODES,
        effect=config["effect"],
        scale=config["scale"],
        statistics=config["statistics"],
    message:
        "The project page"
    script:
        "../scripts/report.py"


rule site_zip:
    input:
        files=[*rules.site.output, *rules.site_viewer.output],
    output:
        f"{OUT}/site.zip",
    log:
        f"{OUT}/logs/site_zip.log",
    benchmark:
        f"{OUT}/benchmarks/site_zip.tsv"
    params:
        root=lambda wildcards, input: str(Path(input.files[0]).parent),
    message:
        "The project page as one file"
    script:
        "../scripts/report.py"
