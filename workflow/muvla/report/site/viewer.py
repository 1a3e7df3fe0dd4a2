"""The episode viewer's page, its scripts, and the traced episodes as it reads them."""

from collections.abc import Sequence
from pathlib import Path

from muvla.records.trace import read_trace
from muvla.report.runner import Contents
from muvla.report.site import assets
from muvla.report.site.frame import Missing, page
from muvla.report.site.viewer_episode import FORMAT, SHEETS, described, encode, script_json
from muvla.report.templates import TEMPLATES


def site_viewer(
    *, traces: Sequence[Path], names: Sequence[str], untraced: Sequence[tuple[str, Sequence[str]]]
) -> Contents:
    """Make the viewer of traced episodes, named in `names`; a trace that cannot be read is listed with what is wrong.

    untraced: variants, each with the environments whose traces were asked for and have no
    checkpoint, which the page says. The same traces give the same bytes.
    """
    episodes: list[dict[str, object]] = []
    made: dict[str, str | bytes] = {}
    for name, path in zip(names, traces, strict=True):
        try:
            trace = read_trace(path)
        except (ValueError, FileNotFoundError) as error:
            episodes.append({"name": name, "fault": f"{error}", "command": f"rm {path} && snakemake {path}"})
            made |= {f"{name}.js": "", **{f"{name}.{camera}.webp": b"" for camera in SHEETS}}
            continue
        encoded = encode(name, trace)
        episodes.append({"name": name, **described(trace.about)})
        made[f"{name}.js"] = encoded.script
        made |= {f"{name}.{camera}.webp": content for camera, content in encoded.sheets.items()}
    sizes = sum(len(content) for content in made.values())
    print(f"{len(episodes)} episodes, {sizes / 1e6:.2f} MB")
    return {
        "viewer.html": page(
            "viewer.html",
            rule="site_viewer",
            scripts=[one for one in assets.VIEWER if one.endswith(".js")],
            absent=[no_policy(variant, found) for variant, found in untraced],
        ),
        "index.js": f"viewer.index({script_json({'format': FORMAT, 'episodes': episodes})});\n",
        **{name: (TEMPLATES / "site" / name).read_text("utf-8") for name in assets.VIEWER},
        **made,
    }


def no_policy(variant: str, environments: Sequence[str]) -> Missing:
    """Say that a variant was not traced, for no policy of it is there, and what would train one and trace it."""
    what = f"The trace of {variant} in {', '.join(environments)}"
    return Missing(
        what,
        "snakemake results/site/viewer.html --config checkpoints=trained",
        "No policy of it comes along; the command trains every policy here.",
    )
