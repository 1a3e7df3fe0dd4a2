# The episode viewer: a page beside the others, and the traced episodes as its browser reads them.

SITE = f"{OUT}/site"
TRACED = [file for place in TRACES for file in traces_of(*place)]
# Names of the episodes' files and in the viewer's addresses, such as m64_k8-RememberColor3-4242424242.
EPISODES = ["-".join(Path(file).relative_to(f"{OUT}/traces").with_suffix("").parts) for file in TRACED]


rule site_viewer:
    input:
        expand(in_tree("paper/templates/site/{page}.html.jinja"), page=["base", "parts", "viewer"]),
        expand(in_tree("paper/templates/site/{asset}"), asset=assets.VIEWER),
        traces=TRACED,
    output:
        f"{SITE}/viewer.html",
        expand(f"{SITE}/{{asset}}", asset=assets.VIEWER),
        f"{SITE}/episodes/index.js",
        expand(f"{SITE}/episodes/{{episode}}.js", episode=EPISODES),
        expand(f"{SITE}/episodes/{{episode}}.{{camera}}.webp", episode=EPISODES, camera=["image", "wrist_image"]),
    log:
        f"{OUT}/logs/site_viewer.log",
    benchmark:
        f"{OUT}/benchmarks/site_viewer.tsv"
    resources:
        mem_mb=needs.growing(2000, paper=8000),
    params:
        names=EPISODES,
        untraced=list(traces.missing(config).items()),
    message:
        "The episode viewer of the project page"
    script:
        "../scripts/report.py"
