"""Chromium for the tests of the project page, its pages watched for errors and for requests that leave."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from muvla.files import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS = ROOT / "results" / "screenshots"  # what a reader would see, of the last run of the tests
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
# As root there is no sandbox, and a browser of tests asks nothing of anybody.
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
)
SERIOUS = ("serious", "critical")


def lacking() -> str:
    """Say what is missing to run the tests; "" when nothing is."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: run containers/setup.sh"
    return "" if shutil.which("chromium") else "Chromium is not installed: run containers/setup.sh browser as root"


needs_browser = pytest.mark.skipif(bool(lacking()), reason=lacking() or "-")


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Start Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Watched:
    """A page, and what it should not have done: errors of its scripts, requests beyond its own folder."""

    page: "Page"
    errors: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@contextmanager
def opened(
    browser: "Browser",
    address: str,
    *,
    size: Literal["desktop", "phone"] = "desktop",
    dark: bool = False,
    still: bool = True,
) -> Iterator[Watched]:
    """Open a page, by the address of a file or with a hash behind it; afterwards nothing went wrong and nothing left.

    still: with reduced motion.
    """
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if still else "no-preference",
        has_touch=size == "phone",
    )
    watched = Watched(context.new_page())
    page = watched.page
    page.set_default_timeout(30_000)  # a busy machine is no fault of the page
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("console", lambda said: watched.errors.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: watched.left.append(asked.url) if _leaves(asked.url) else None)
    page.goto(address)
    yield watched
    assert not watched.errors, watched.errors
    assert not watched.left, watched.left
    context.close()


def _leaves(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def shoot(page: "Page", name: str) -> None:
    """Keep a screenshot of the whole page, pictures that load late included."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.evaluate("Promise.all([...document.images].map(image => { image.loading = 'eager'; return image.decode(); }))")
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def inaccessible(page: "Page") -> list[str]:
    """Return what axe-core finds serious or critical, each with the first elements that it is about."""
    script = importlib.util.find_spec("axe_playwright_python")
    assert script is not None
    assert script.origin is not None
    page.evaluate(Path(script.origin).with_name("axe.min.js").read_text("utf-8"))
    # preload: axe would read style sheets again, which a browser refuses for files
    found = page.evaluate("axe.run({preload: false, resultTypes: ['violations']}).then(result => result.violations)")
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in found if one["impact"] in SERIOUS
    ]


def too_wide(page: "Page") -> bool:
    """Say whether the page can be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
