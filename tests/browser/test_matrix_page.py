"""Tests of the matrix page in headless Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest

from enricher.authoring.loader import read_mapping
from enricher.pages.coverage import coverage, kinds
from tests.browser.conftest import SCREENSHOTS, violations

SCHEMES = ("light", "dark")
WIDTHS = (390, 1024, 1440, 1920)
OPEN = "#matrix .open"


def _texts(page: Any, selector: str) -> list[str]:
    return [text.replace("\u00ad", "") for text in page.locator(selector).all_inner_texts()]


def test_headline_counts_the_three_kinds_apart(opened: Any) -> None:
    """The headline must have the numbers of the mapping, with retired types off."""
    page = opened("matrix")
    counts = kinds(coverage(read_mapping()))
    numbers = [int(text) for text in page.locator("#kinds b").all_inner_texts()]
    assert [counts["type"], counts["rule"], counts["retired"]] == numbers
    assert "false" == page.locator("[data-kind=retired]").get_attribute("aria-pressed")


def test_unfolded_matrix_has_every_pair(opened: Any) -> None:
    """Unfolded, with retired types, each pair of the mapping must be one cell under its tactic."""
    page = opened("matrix")
    page.click("#unfold")
    page.click("[data-kind=retired]")
    shown = page.eval_on_selector_all(OPEN, "all => all.map(item => item.dataset.key)")
    expected = {f"{technique} {tactic}" for technique, tactic in coverage(read_mapping())}
    assert len(shown) == len(set(shown))
    # A technique with covered sub-techniques is shown above them, although it is not itself covered.
    parents = {re.sub(r"\.\d+", "", key) for key in expected}
    assert expected | parents == set(shown)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["matrix", "observed"])
def test_page_fits_every_width_in_both_themes(opened: Any, name: str, width: int, scheme: str) -> None:
    """No page may scroll sideways or cut a cell's text; a screenshot is kept for a person to look at."""
    page = opened(name, width=width, color_scheme=scheme)
    page.click("#unfold")
    overflow = page.evaluate(
        "() => [...document.querySelectorAll('.head > .open')].filter(e => e.scrollWidth > e.clientWidth + 1)"
        ".map(e => e.textContent)"
    )
    assert overflow == []
    page.click("#unfold")
    assert width >= page.evaluate("() => document.documentElement.scrollWidth")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{width}-{scheme}.png")


def test_all_tactics_are_on_a_desk_screen(opened: Any) -> None:
    """At 1440 pixels all fifteen tactics must stand side by side, in ATT&CK's order, none cut."""
    page = opened("matrix")
    tactics = read_mapping().catalogue.pinned.tactics
    assert [tactic.name for tactic in tactics.values()] == _texts(page, ".tactic h2")
    boxes = [item.bounding_box() for item in page.locator(".tactic").all()]
    assert 1 == len({round(box["y"]) for box in boxes})
    assert max(box["x"] + box["width"] for box in boxes) <= 1440


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("name", "target", "width"),
    [
        ("matrix", "", 1440),
        ("observed", "", 390),
        ("observed", "T1098.001", 1440),
        ("matrix", "Recon:EC2/Portscan", 390),
    ],
)
def test_axe_finds_nothing(opened: Any, name: str, target: str, width: int, scheme: str) -> None:
    """axe-core's rules must pass on the matrix and on an open panel, in both themes."""
    page = opened(name, target, width=width, color_scheme=scheme, bypass_csp=True)
    assert [] == violations(page)


def test_type_is_found_by_search_and_one_key(opened: Any) -> None:
    """`/`, a part of the name and Enter must open the type with its reason, facts and rules."""
    page = opened("matrix")
    page.keyboard.press("/")
    page.keyboard.type("ec2/portscan")
    assert ["ec2/portscan"] == [text.lower() for text in page.locator("#results li mark").all_inner_texts()][
        :1
    ]
    page.keyboard.press("Enter")
    panel = page.locator("#details").inner_text()
    record = read_mapping().records["Recon:EC2/Portscan"]
    for text in (record.rationale, "severity Medium", "VPC flow logs", "Foundational", "T1046"):
        assert text in panel
    page.wait_for_function("() => location.hash === '#Recon:EC2/Portscan'")


def test_search_filters_the_matrix_and_marks_the_match(opened: Any) -> None:
    """A search must leave the cells that match, unfolded, with the match marked; Escape clears it."""
    page = opened("matrix")
    before = page.locator(OPEN).count()
    page.fill("#search", "T1098.001")
    assert {"T1098.001"} == set(page.locator("#matrix mark").all_inner_texts())
    assert page.locator(OPEN).count() < before
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert before == page.locator(OPEN).count()


def test_filter_by_plan_leaves_what_its_types_can_show(opened: Any) -> None:
    """With one plan chosen, the headline must count the pairs of that plan's types alone."""
    page = opened("matrix")
    page.click("#facet-plan summary")
    page.check("#facet-plan input[value='RDS Protection']")
    cells = coverage(read_mapping())
    names = {
        item for item in read_mapping().records if ":RDS/" in item and item in _plan_types("RDS Protection")
    }
    expected = sum(bool(names & cell.active.keys()) for cell in cells.values())
    assert expected == int(page.locator("[data-kind=type] b").inner_text())
    page.click("#reset")
    assert page.locator("#reset").is_hidden()


def _plan_types(plan: str) -> set[str]:
    from enricher.authoring.known_types import read_known_types
    from enricher.authoring.loader import ROOT

    return {row.type for row in read_known_types(ROOT) if plan in row.plan.split("; ")}


def test_keyboard_moves_opens_and_returns(opened: Any) -> None:
    """Arrows must move between cells, Enter open one, Escape close it and return the focus to it."""
    page = opened("matrix")
    page.locator(OPEN).first.focus()
    key = "document.activeElement.dataset.key"
    first = page.evaluate(key)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    here = page.evaluate(key)
    assert here.split(" ")[1] != first.split(" ")[1]
    page.keyboard.press("Enter")
    assert page.locator("#details").is_visible()
    page.wait_for_function("id => location.hash === `#${id}`", arg=here.split(" ")[0])
    page.keyboard.press("Escape")
    assert page.locator("#details").is_hidden()
    assert here == page.evaluate(key)
    page.wait_for_function("() => !location.hash")


def test_plus_and_minus_unfold_and_fold(opened: Any) -> None:
    """`+` must show the sub-techniques of the focused technique, `-` hide them."""
    page = opened("matrix")
    cell = page.locator("[data-key='T1098 TA0003']")
    cell.focus()
    page.keyboard.press("+")
    assert page.locator("[data-key='T1098.001 TA0003']").is_visible()
    page.keyboard.press("-")
    assert 0 == page.locator("[data-key='T1098.001 TA0003']").count()


@pytest.mark.parametrize(
    ("target", "title"),
    [
        ("T1098.001", "Additional Cloud Credentials"),
        ("Recon:EC2/Portscan", "Recon:EC2/Portscan"),
        ("T1001", "Data Obfuscation"),
    ],
)
def test_permalink_opens_its_panel(opened: Any, target: str, title: str) -> None:
    """An address with a technique or a type must open it; Escape must close it."""
    page = opened("matrix", target)
    assert title == page.locator("#details-title").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#details").is_hidden()


def test_unknown_permalink_shows_the_matrix(opened: Any) -> None:
    """An address that names nothing must show the matrix without an error."""
    page = opened("matrix", "%E0%A4%A/nothing")
    assert page.locator("#details").is_hidden()
    assert page.locator(OPEN).count()


def test_other_release_renames_the_tactics(opened: Any) -> None:
    """Choosing 18.1 must show that release's tactics and techniques."""
    page = opened("matrix")
    page.select_option("#release", "18.1")
    assert "Defense Evasion" in _texts(page, ".tactic h2")
    assert "Stealth" not in _texts(page, ".tactic h2")


def test_theme_is_chosen_by_hand_against_the_system(opened: Any) -> None:
    """The theme button must override the system's theme and come back to it."""
    page = opened("matrix", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click("#theme")
    dark = page.evaluate(background)
    assert light != dark
    page.emulate_media(media="print")
    assert "rgb(255, 255, 255)" == page.evaluate(background)
    page.emulate_media(media="screen")
    page.click("#theme")
    page.click("#theme")
    assert light == page.evaluate(background)


def test_print_has_the_matrix_without_controls(opened: Any) -> None:
    """Printed, the page must be A3 landscape, without search and filters, with all tactics side by side."""
    page = opened("matrix")
    page.emulate_media(media="print")
    assert page.locator(".tools").is_hidden()
    assert 15 == page.evaluate(
        "() => getComputedStyle(document.getElementById('matrix')).gridTemplateColumns.split(' ').length"
    )
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert box
    width, height = (float(part) for part in box.groups())
    assert (1191, 842) == (round(width), round(height))


def test_first_paint_has_the_whole_matrix_within_a_second(opened: Any) -> None:
    """The first paint must come within a second, and have every folded cell."""
    page = opened("matrix")
    paint = page.evaluate(
        "() => new Promise(resolve => new PerformanceObserver("
        "list => resolve(list.getEntries().at(-1).startTime)).observe({type: 'paint', buffered: true}))"
    )
    assert paint < 1000
    assert page.locator(OPEN).count() > 100


def test_observed_findings_are_on_the_cells_and_in_the_panel(opened: Any) -> None:
    """A cell must show coverage and what was observed; its panel the times, accounts and evidence."""
    page = opened("observed")
    cell = page.locator("[data-key='T1046 TA0007']")
    assert re.search(r"finding types?, \w+ confidence \d+ findings observed", cell.text_content())
    cell.click()
    panel = page.locator("#details").inner_text()
    assert "111122223333" in panel
    assert re.search(r"Last\s+2026-\d\d-\d\d \d\d:\d\d UTC", panel)
    page.keyboard.press("Escape")
    page.click("[data-kind=observed]")
    assert all("observed" in text for text in page.locator(OPEN).all_text_contents())


def test_days_and_accounts_change_the_heat(opened: Any) -> None:
    """The choice of days must leave out older findings, the choice of accounts count accounts."""
    page = opened("observed")
    badges = page.locator("#matrix .fired")
    before = badges.count()
    page.locator("#heat select").nth(1).select_option(index=1)
    assert 0 < badges.count() < before
    page.locator("#heat select").nth(1).select_option(index=0)
    page.locator("#heat select").nth(0).select_option("accounts")
    assert {"1", "2"} >= set(badges.all_inner_texts())


def test_text_of_attackers_stays_text(opened: Any) -> None:
    """Nothing that findings say may become an element, a link, a script or the title."""
    page = opened("hostile")
    page.click("[data-kind=observed]")
    for key in page.eval_on_selector_all(OPEN, "all => all.map(item => item.dataset.key)"):
        page.locator(f"[data-key='{key}']").click()
        assert 0 == page.locator("#details img, #details script, #details iframe").count()
        links = page.eval_on_selector_all("#details a", "all => all.map(item => item.href)")
        assert not [
            link
            for link in links
            if not link.startswith(("https://attack.mitre.org/", "https://docs.aws", "file:"))
        ]
        page.keyboard.press("Escape")
    assert "GuardDuty in MITRE ATT&CK" == page.title()
    page.goto(page.url.partition("#")[0] + "#T1098.001")
    # The page follows a new hash a moment after goto returns.
    page.locator("#details", has_text="T1098.001").wait_for()
    assert "<img src=x" in page.locator("#details").inner_text()
