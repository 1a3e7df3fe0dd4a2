"""The episode viewer in a real browser: controls do what they say, one cursor moves all, a link opens a moment."""

from typing import TYPE_CHECKING, Any

import pytest

from browser import inaccessible, needs_browser, opened, shoot, too_wide
from made_up_viewer import EPISODES, FIRST
from viewer_page import choose, cursor, grey, lit, now, settled, shown, slide

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_browser


@pytest.mark.parametrize(("size", "dark"), [("desktop", False), ("phone", True)])
def test_anybody_can_read_it(browser: "Browser", viewer: str, size: Any, dark: bool) -> None:
    """On a desktop and a phone, light and dark: axe-core finds nothing serious, nothing runs out of the screen."""
    with opened(browser, f"{viewer}#episode={FIRST}&with=oft_episodic&step=4", size=size, dark=dark) as watched:
        assert len(shown(watched.page)) == 2
        assert inaccessible(watched.page) == []
        assert not too_wide(watched.page)
        boxes = [watched.page.locator(".episode").nth(place).bounding_box() for place in (0, 1)]
        beside = boxes[0]["y"] == boxes[1]["y"]
        assert beside == (size == "desktop")
        shoot(watched.page, f"viewer-{size}-{'dark' if dark else 'light'}")


def test_lists_follow_from_each_other(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        assert shown(page) == [FIRST]
        choose(page, "episode", "m64_k8-RememberColor3-8")
        settled(page, "m64_k8-RememberColor3-8")
        assert page.locator(".episode .verdict").inner_text() == "failure"
        choose(page, "environment", "TakeItBack")
        settled(page, "m64_k8-TakeItBack-7")
        link = page.get_by_role("link", name="All episodes of this cell")
        assert link.get_attribute("href") == "tables.html#cell=table_mikasa.TakeItBack.m64_k8"
        assert page.locator("#with option").all_inner_texts() == ["nothing"]
        choose(page, "benchmark", "LIBERO")
        settled(page, "m64_k2-libero_object-0-0")
        assert page.locator("#environment option").all_inner_texts() == ["libero_object/0: touch it"]
        choose(page, "benchmark", "MIKASA-Robo")
        choose(page, "environment", "RememberColor3")
        choose(page, "variant", "oft_episodic")
        settled(page, "oft_episodic-RememberColor3-7")
        assert page.locator("#memory-layer").is_disabled()
        assert page.locator("[data-chart=norms]").count() == 0


def test_outcomes_are_filtered_in_list_and_table(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)
        rows = page.locator("#table tbody tr")
        assert rows.count() == len(EPISODES)
        choose(page, "only", "failure")
        settled(page, "m64_k8-RememberColor3-8")
        assert rows.count() == 2
        assert page.locator("#episode option").all_inner_texts() == ["seed 8, failure"]
        choose(page, "only", "all")
        page.get_by_role("button", name="Show m64_k8 in TakeItBack").click()
        settled(page, "m64_k8-TakeItBack-7")
        assert page.locator("#table tr[aria-current]").get_attribute("data-name") == "m64_k8-TakeItBack-7"
        page.get_by_role("link", name="All of them").click()
        page.wait_for_function("location.hash.includes('TakeItBack')")  # and no longer #all-episodes


def test_overlays_light_their_patches_by_layer_and_opacity(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)
        assert lit(page, "memory → base camera") == [(1, 2)]
        assert lit(page, "memory → wrist camera") == lit(page, "base camera") == []
        assert lit(page, "actions → wrist camera") == [(0, 0)]
        slide(page, "memory-layer", 0)
        assert lit(page, "memory → base camera") == [], "memory attends in layer 1 only"
        assert page.locator("#memory-layer-said").inner_text() == "L0"
        assert page.locator("figure.memory b").first.inner_text() == "0.0 %"
        assert lit(page, "actions → wrist camera") == [(0, 0)], "a slider each"
        slide(page, "memory-layer", 1)
        assert lit(page, "memory → base camera") == [(1, 2)]
        assert page.locator("figure.memory b").first.inner_text() == "50.0 %"
        slide(page, "memory-opacity", 0)
        assert lit(page, "memory → base camera") == []
        slide(page, "actions-layer", 1)
        assert lit(page, "actions → wrist camera") == []
        slide(page, "actions-layer", -1)
        slide(page, "actions-opacity", 0)
        assert lit(page, "actions → wrist camera") == []


def test_one_cursor_moves_pictures_curves_and_words(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)
        before = (grey(page), cursor(page))
        page.get_by_role("button", name="One step on").click()
        assert "step 1, cue, forward pass 2 of 6" in now(page)
        assert (grey(page), cursor(page)) > before
        slide(page, "step", 3)
        assert "step 3, act" in now(page)
        norms = page.locator("[data-chart=norms] .value").inner_text()
        page.get_by_role("button", name="One step back").click()
        assert page.locator("[data-chart=norms] .value").inner_text() != norms
        box = page.locator("[data-chart=actions] canvas").bounding_box()
        page.mouse.click(box["x"] + box["width"] - 13, box["y"] + 5)
        assert "success ended after 6 steps" in " ".join(now(page).split())
        assert lit(page, "memory → base camera") == [], "nobody attends any more"
        page.mouse.move(box["x"] + 47, box["y"] + 5)
        page.mouse.down()
        assert "step 0" in now(page)
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
        page.mouse.up()
        assert "step 3" in now(page), "dragged"


def test_it_plays_to_the_end_at_the_chosen_speed(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)
        page.wait_for_timeout(300)
        assert page.locator("#step").input_value() == "0", "nothing moves unasked"
        choose(page, "speed", "50")
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("document.querySelector('#step').value === '6'")
        page.get_by_role("button", name="Play").wait_for()
        choose(page, "speed", "1")
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("document.querySelector('#step').value === '1'")
        page.get_by_role("button", name="Pause").click()
        page.wait_for_timeout(1200)
        assert page.locator("#step").input_value() == "1"


def test_two_policies_share_their_axis(browser: "Browser", viewer: str) -> None:
    with opened(browser, viewer) as watched:
        page = watched.page
        shown(page)
        choose(page, "with", "oft_episodic")
        page.wait_for_function("document.querySelectorAll('.episode').length === 2")
        assert page.locator("#step").get_attribute("max") == "24"
        slide(page, "step", 13)
        assert "ended after 6 steps" in now(page)
        assert "forward pass 2 of 3; picture and attention of step 8, the next at 16" in now(page, 1)
        left = page.locator(".cursor").evaluate_all("all => all.map(one => parseFloat(one.style.left))")
        assert left[0] == pytest.approx(left[1], abs=1)
        choose(page, "with", "")
        page.wait_for_function("document.querySelectorAll('.episode').length === 1")
        assert page.locator("#step").input_value() == "6", "cut to the episode that is left"


def test_an_address_opens_the_same_moment(browser: "Browser", viewer: str) -> None:
    state = (
        f"episode={FIRST}&with=oft_episodic&step=4&memory=1&actions=0&memory-opacity=35&actions-opacity=60"
        "&only=success&speed=20&keys=off"
    )
    with opened(browser, f"{viewer}#{state}") as watched:
        page = watched.page
        assert shown(page) == [FIRST, "oft_episodic-RememberColor3-7"]
        values = {name: page.locator(f"#{name}").input_value() for name in ("step", "memory-layer", "actions-layer")}
        assert values == {"step": "4", "memory-layer": "1", "actions-layer": "0"}
        assert [page.locator(f"#{name}-opacity").input_value() for name in ("memory", "actions")] == ["35", "60"]
        assert (page.locator("#only").input_value(), page.locator("#speed").input_value()) == ("success", "20")
        page.wait_for_timeout(300)
        assert set(page.url.partition("#")[2].split("&")) == set(state.split("&"))
        page.evaluate("location.hash = 'episode=m64_k8-TakeItBack-7&step=2'")
        settled(page, "m64_k8-TakeItBack-7")
        assert "step 2" in now(page)
    with opened(browser, f"{viewer}#episode=none&step=x&memory=99&speed=7&with=what") as watched:
        assert shown(watched.page) == [FIRST]
        watched.page.get_by_text("asks for the episode none").wait_for()
        assert watched.page.locator("#memory-layer-said").inner_text() == "L1", "the last one there is"
