"""The episode viewer by keyboard, and what it says of files that are missing or wrong, in a real browser."""

from pathlib import Path
from typing import TYPE_CHECKING

from browser import needs_browser, opened
from made_up_viewer import FIRST, make_viewer
from viewer_page import settled, shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser


def test_everything_works_by_keyboard(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)

        def value(name: str) -> str:
            return page.locator(f"#{name}").input_value()

        for key, name, expected in (
            *(("ArrowRight", "step", "1"), ("ArrowLeft", "step", "0"), ("End", "step", "6"), ("Home", "step", "0")),
            *(("Shift+ArrowRight", "step", "6"), ("Shift+ArrowLeft", "step", "0")),
            *(("m", "memory-layer", "0"), ("m", "memory-layer", "1"), ("m", "memory-layer", "-1")),
            *(("Shift+M", "memory-layer", "1"), ("a", "actions-layer", "0"), ("Shift+A", "actions-layer", "-1")),
            *(("o", "memory-opacity", "60"), ("Shift+O", "memory-opacity", "80")),
            *(("p", "actions-opacity", "60"), ("Shift+P", "actions-opacity", "80")),
            *(("Shift+S", "speed", "10"), ("s", "speed", "5"), ("f", "only", "success"), ("f", "only", "failure")),
            *(("f", "only", "all"), ("e", "episode", FIRST), ("Shift+E", "episode", "m64_k8-RememberColor3-8")),
            *(("e", "episode", FIRST), ("c", "with", "oft_episodic"), ("v", "variant", "oft_episodic")),
            *(("t", "environment", "TakeItBack"), ("b", "benchmark", "LIBERO")),
        ):
            page.keyboard.press(key)
            assert value(name) == expected, key
        settled(page, "m64_k2-libero_object-0-0")
        page.keyboard.press("Space")
        page.get_by_role("button", name="Pause").wait_for()
        page.keyboard.press("Space")
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog")
        assert dialog.locator("dt").count() == 25
        page.keyboard.press("End")
        assert value("step") != "41", "the dialog has the keys"
        dialog.get_by_label("keys without").uncheck()
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        page.keyboard.press("End")
        assert value("step") != "41", "switched off"
        page.wait_for_function("location.hash.includes('keys=off')")


def test_a_list_keeps_its_own_keys(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)
        page.locator("#variant").focus()
        page.keyboard.press("m")
        assert page.locator("#memory-layer").input_value() == "-1"
        page.locator("#step").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#step").input_value() == "1", "once, not twice"


def damaged(browser: "Browser", page_file: Path, told: str, command: str, state: str = "") -> None:
    """What the page says; the browser itself reports a missing file as an error."""
    with opened(browser, page_file.as_uri() + state) as watched:
        box = watched.page.locator(".missing", has_text=told).first
        box.wait_for()
        assert command in box.inner_text()
        watched.errors[:] = [one for one in watched.errors if "ERR_FILE_NOT_FOUND" not in one]


def test_what_is_missing_is_said_with_its_command(browser: "Browser", tmp_path: Path) -> None:
    page = make_viewer(tmp_path, broken=True)
    episodes, again = tmp_path / "episodes", "snakemake results/site/viewer.html --forcerun site_viewer"
    with opened(browser, page.as_uri()) as watched:
        assert shown(watched.page) == [FIRST]
        row = watched.page.locator("#table .fault")
        assert "another version" in row.inner_text()
        assert f"snakemake {tmp_path}/traces/old.npz" in row.inner_text()
        assert watched.page.locator("#counted").inner_text().endswith("1 cannot be shown.")

    (episodes / f"{FIRST}.image.webp").unlink()
    damaged(browser, page, f"the pictures episodes/{FIRST}.image.webp are missing", again)
    script = episodes / f"{FIRST}.js"
    text = script.read_text("utf-8")
    script.write_text(text.replace('"format":1', '"format":2'), "utf-8")
    damaged(browser, page, "is of version 2, and this page reads version 1", again)
    script.write_text(text[:-200] + text[-4:], "utf-8")
    damaged(browser, page, "are damaged", again)
    script.write_text("", "utf-8")
    damaged(browser, page, "is empty or damaged", again)
    script.unlink()
    damaged(browser, page, f"episodes/{FIRST}.js is missing", again)
    index = episodes / "index.js"
    index.write_text('viewer.index({"format":1,"episodes":[]});', "utf-8")
    damaged(browser, page, "No episode was traced", "snakemake results/site/viewer.html")
    index.unlink()
    damaged(browser, page, "episodes/index.js is missing", again)
