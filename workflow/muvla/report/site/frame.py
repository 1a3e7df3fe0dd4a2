"""The frame of every page of the site, and what a page says in place of something that is missing."""

from dataclasses import dataclass

from muvla.report.templates import render

# file -> name in the navigation; the episode viewer has a rule of its own
PAGES = {
    "index.html": "Overview",
    "viewer.html": "Episodes",
    "tables.html": "Tables",
    "probes.html": "Probes",
    "comparisons.html": "Comparisons",
    "claims.html": "Claims",
    "audit.html": "Audit",
    "provenance.html": "Provenance",
}


@dataclass(frozen=True)
class Missing:
    """What is not there, why as far as is known, and the command that makes it."""

    what: str
    command: str
    why: str = ""


def page(file: str, template: str = "", *, rule: str = "site", **view: object) -> str:
    """Fill the page `file` of PAGES from paper/templates/site/; `template` where it is not the page's own.

    rule: the rule of the workflow that makes it.
    """
    given = {"title": PAGES[file], "active": file, "navigation": list(PAGES.items()), "rule": rule, **view}
    return render(f"site/{template or file}.jinja", **given)
