"""What the tests of the episode viewer read off its page."""

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Page


def shown(page: "Page") -> list[str]:
    """Wait until episodes are drawn; their names."""
    page.wait_for_function("document.querySelectorAll('.episode').length && document.querySelector('.now').textContent")
    page.wait_for_function("!document.querySelector('#transport').hidden")
    return page.locator(".episode").evaluate_all("all => all.map(one => one.dataset.name)")


def choose(page: "Page", name: str, value: str) -> None:
    page.locator(f"#{name}").select_option(value)


def settled(page: "Page", name: str) -> None:
    """Wait until the first episode is that one."""
    page.wait_for_function(f"document.querySelector('.episode')?.dataset.name === '{name}'")


def slide(page: "Page", name: str, value: int) -> None:
    page.locator(f"#{name}").evaluate(
        "(one, value) => { one.value = value; one.dispatchEvent(new Event('input', {bubbles: true})) }", value
    )


def patches(page: "Page", label: str) -> np.ndarray:
    """Colours (4, 4, 3) in the middles of the patches of the picture that is labelled so."""
    page.wait_for_timeout(50)
    canvas = page.locator(f'canvas[aria-label^="{label}"]').first
    picture = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)
    rows, columns = (np.linspace(0, size, 9)[1::2].astype(int) for size in picture.shape[:2])
    return picture[rows][:, columns]


def lit(page: "Page", label: str) -> list[tuple[int, int]]:
    """The patches with a colour of their own; the made-up pictures are grey."""
    found = patches(page, label)
    return [tuple(place) for place in np.argwhere(np.ptp(found, axis=-1) > 40).tolist()]


def now(page: "Page", episode: int = 0) -> str:
    return page.locator(".now").nth(episode).inner_text()


def grey(page: "Page") -> float:
    return float(patches(page, "base camera").mean())


def cursor(page: "Page") -> float:
    return float(page.locator(".cursor").first.evaluate("one => parseFloat(one.style.left)"))
