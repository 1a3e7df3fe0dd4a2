"""The project page in a real browser: every control does what it says, a link opens the same again, all can read it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from browser import inaccessible, needs_browser, opened, shoot, too_wide
from made_up_site import MEMORY, make_results, make_site
from muvla.report.site.frame import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser
OURS = sorted(set(PAGES) - {"viewer.html"})  # the viewer has tests of its own
CELL = f"table_mikasa.RememberColor5.{MEMORY}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a made-up site, as the address of a file."""
    return make_site(make_results(tmp_path_factory.mktemp("results")), tmp_path_factory.mktemp("site")).as_uri()


def cell(page: "Page", key: str = CELL) -> Any:
    return page.locator(f'.cell[data-key="{key}"]')


def column(page: "Page", place: int) -> list[str]:
    """The rows of the first group of Table 1, as they stand."""
    rows = page.locator("table[data-table=table_mikasa] tbody").first.locator("tr:not(.group)")
    return [rows.nth(number).locator("th,td").nth(place).inner_text().split("\n")[0] for number in range(rows.count())]


@pytest.mark.parametrize("page_name", OURS)
def test_anybody_can_read_every_page(browser: "Browser", address: str, page_name: str) -> None:
    """On a desktop and a phone, light and dark: axe-core finds nothing serious, nothing runs out of the screen."""
    for size, dark in (("desktop", False), ("phone", True)):
        with opened(browser, f"{address}/{page_name}", size=size, dark=dark) as watched:  # type: ignore[arg-type]
            assert inaccessible(watched.page) == []
            assert not too_wide(watched.page)
            shoot(watched.page, f"{Path(page_name).stem}-{size}-{'dark' if dark else 'light'}")


def test_dark_is_dark(browser: "Browser", address: str) -> None:
    shades = []
    for dark in (False, True):
        with opened(browser, f"{address}/index.html", dark=dark) as watched:
            colour = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
            shades.append(sum(map(int, re.findall(r"\d+", colour)[:3])))
    assert shades[0] > 600 > 150 > shades[1]


def test_the_first_view_is_small(browser: "Browser", address: str) -> None:
    asked: set[str] = set()
    with opened(browser, f"{address}/index.html") as watched:
        watched.page.on("request", lambda request: asked.add(request.url))
        watched.page.reload(wait_until="load")
    files = [Path(unquote(urlsplit(url).path)) for url in asked if url.startswith("file:")]
    assert {"index.html", "site.css", "chart.js"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in files) < 500_000


def test_cells_show_what_is_chosen(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html") as watched:
        page = watched.page
        for view, text in (("printed", "0.35"), ("difference", "+0.45"), ("reproduced", "0.80")):
            button = page.get_by_role("button", name=view, exact=True)
            button.click()
            assert button.get_attribute("aria-pressed") == "true"
            assert cell(page).inner_text().startswith(text)
            assert ("view=" in page.url) == (view != "reproduced")
        assert "0.49–0.94" in cell(page).inner_text()
        assert "n 10" in cell(page).inner_text()
        page.get_by_role("button", name="difference", exact=True).click()
        assert "not whether it reproduces" in page.locator("#view-note").inner_text()


def test_columns_sort_within_their_group(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html") as watched:
        page, place = watched.page, 5  # of m64_k8 among the cells of a row
        printed = column(page, 0)
        head = page.locator("table[data-table=table_mikasa] thead th").nth(place - 1)
        assert MEMORY in head.inner_text()
        for direction in ("descending", "ascending"):
            head.get_by_role("button").click()
            assert head.get_attribute("aria-sort") == direction
            shown = column(page, place)
            run = [float(text) for text in shown[:-1] if text != "–"]
            assert run == sorted(run, reverse=direction == "descending")
            assert len(run) == 2
            assert shown[2:-1] == ["–"] * 3, "what was not run stands last"
            assert column(page, 0)[-1] == printed[-1], "the average stays where it is"
        assert "sort=" in page.url
        page.get_by_role("button", name="printed order").click()
        assert column(page, 0) == printed
        assert "sort=" not in page.url
        head.get_by_role("button").click()
        head.get_by_role("button").click()
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") is None


def test_rows_that_were_not_run_can_be_hidden(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html") as watched:
        row = watched.page.locator("tr", has_text="RotateStrictPos").first
        idle = cell(watched.page, "table_mikasa.RememberColor5.m64_k1")
        assert row.is_visible()
        assert idle.is_visible()
        watched.page.get_by_label("only what was run").check()
        assert not row.is_visible()
        assert not watched.page.get_by_text("Memoryless", exact=True).first.is_visible(), "a group without any row"
        assert not idle.is_visible(), "a column without any cell that was run"
        assert cell(watched.page).is_visible()
        assert "run=1" in watched.page.url


def test_the_first_column_stays(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html", size="phone") as watched:
        name = watched.page.get_by_role("rowheader", name="RememberColor5", exact=True).first
        before = name.bounding_box()
        watched.page.evaluate("document.querySelector('.scroll').scrollLeft = 300")
        assert name.bounding_box()["x"] == pytest.approx(before["x"], abs=2)


def test_a_cell_tells_its_episodes_and_where_it_comes_from(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html") as watched:
        page = watched.page
        cell(page).click()
        dialog = page.get_by_role("dialog")
        assert "RememberColor5" in dialog.locator("h2").inner_text()
        assert "8 of 10 episodes" in dialog.inner_text()
        assert dialog.locator(".strip .s1").count() == 8
        assert dialog.locator(".strip .s0").count() == 2
        (watch,) = dialog.locator(".strip a").all()
        assert "succeeded; traced, it failed" in watch.get_attribute("aria-label")
        assert watch.get_attribute("href") == f"viewer.html#episode={MEMORY}-RememberColor5-4242424243"
        assert f"cell={CELL}" in page.url
        assert inaccessible(page) == []
        page.keyboard.press("Escape")
        assert not dialog.is_visible()
        assert "cell=" not in page.url
        cell(page).click()
        dialog.get_by_role("link", name="provenance").click()
        page.wait_for_url("**/provenance.html#*")
        assert page.locator(":target").inner_text().startswith(f"{MEMORY} RememberColor5")


def test_an_address_opens_the_same_again(browser: "Browser", address: str) -> None:
    state = f"view=difference&run=1&sort=table_mikasa.4.ascending&cell={CELL}"
    with opened(browser, f"{address}/tables.html#{state}") as watched:
        page = watched.page
        assert page.get_by_role("dialog").is_visible()
        page.get_by_role("button", name="Close").click()
        assert page.locator("button[data-view=difference]").get_attribute("aria-pressed") == "true"
        assert page.get_by_label("only what was run").is_checked()
        assert page.locator("table[data-table=table_mikasa] thead th").nth(4).get_attribute("aria-sort") == "ascending"
        first, second = (float(text.replace("−", "-")) for text in column(page, 5)[:2])
        assert first < second == 0.45
    with opened(browser, f"{address}/tables.html#view=nonsense&cell=no.such&sort=none.99.up") as watched:
        assert not watched.page.get_by_role("dialog").is_visible()
        assert cell(watched.page).inner_text().startswith("0.80")


def test_the_table_works_by_keyboard(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html") as watched:
        page = watched.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.locator("table[data-table=table_mikasa] .cell").first.focus()
        key = "document.activeElement.dataset.key"
        first = page.evaluate(key)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(key) not in (first, None)
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(key) == first
        page.keyboard.press("ArrowLeft")
        assert page.evaluate(key) == first, "there is nothing further"
        page.keyboard.press("Enter")
        assert page.get_by_role("dialog").is_visible()
        page.keyboard.press("Escape")
        assert page.evaluate(key) == first
        stops = page.locator('table[data-table=table_mikasa] .cell[tabindex="0"]')
        assert stops.count() == 1, "one stop of the tab key, not 250"


@pytest.mark.parametrize("page_name", ["index.html", "probes.html"])
def test_charts_tell_their_numbers(browser: "Browser", address: str, page_name: str) -> None:
    with opened(browser, f"{address}/{page_name}") as watched:
        page = watched.page
        tip = page.locator("#tip")
        assert tip.is_hidden()
        chart = page.locator(".chart > svg").first
        mark = chart.locator(".mark").first
        mark.locator(".hit").hover()
        assert tip.inner_text() == mark.get_attribute("data-tip")
        page.mouse.move(1, 1)
        assert tip.is_hidden()
        chart.focus()
        page.keyboard.press("ArrowRight")
        assert tip.inner_text() == mark.get_attribute("data-tip")
        page.evaluate("dispatchEvent(new Event('scroll'))")  # as focus does that scrolls the page
        page.keyboard.press("ArrowRight")
        assert tip.inner_text() == chart.locator(".mark").nth(1).get_attribute("data-tip")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        assert tip.inner_text() == chart.locator(".mark").last.get_attribute("data-tip")
        page.keyboard.press("Escape")
        assert tip.is_hidden()


def test_numbers_and_claims_unfold(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/probes.html") as watched:
        page = watched.page
        page.get_by_text("Numbers").first.click()
        assert page.get_by_role("cell", name="0.80").first.is_visible()
        claim = page.get_by_text("Noise drops success on every cell")
        claim.click()
        assert page.get_by_text("m64_k2: 6/10").is_visible()


def test_every_page_is_reached_from_every_other(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/index.html") as watched:
        page = watched.page
        for file in OURS:
            page.get_by_role("navigation").get_by_role("link", name=PAGES[file], exact=True).click()
            page.wait_for_url(f"**/{file}")
            assert page.locator("nav a[aria-current=page]").inner_text() == PAGES[file]
        page.goto(f"{address}/index.html")
        page.get_by_role("link", name="Training tasks").click()
        page.get_by_role("dialog").wait_for()  # a card leads to its cell
        assert "Average (5 envs)" in page.get_by_role("dialog").inner_text()


def test_paper_shows_the_content_only(browser: "Browser", address: str) -> None:
    with opened(browser, f"{address}/tables.html", dark=True) as watched:
        watched.page.emulate_media(media="print")
        assert watched.page.locator("nav").is_hidden()
        assert watched.page.locator(".controls").is_hidden()
        assert cell(watched.page).is_visible()
        whole = "[...document.querySelectorAll('.scroll')].every(one => one.scrollHeight <= one.clientHeight + 2)"
        assert watched.page.evaluate(whole), "no table runs over what comes after it"
        assert watched.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
