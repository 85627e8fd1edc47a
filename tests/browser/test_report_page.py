"""Tests of the report page in headless Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import SCREENSHOTS, violations


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1024, 1440])
def test_report_fits_every_width_in_both_themes(opened: Any, width: int, scheme: str) -> None:
    """The report must not scroll sideways, and axe-core's rules must pass; a screenshot is kept."""
    page = opened("report", width=width, color_scheme=scheme, bypass_csp=True)
    assert width >= page.evaluate("() => document.documentElement.scrollWidth")
    assert [] == violations(page)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{width}-{scheme}.png", full_page=True)


def test_report_prints_on_upright_a4(opened: Any) -> None:
    """Printed, the report must be upright A4 in the light theme."""
    page = opened("report", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert "rgb(255, 255, 255)" == page.evaluate("getComputedStyle(document.body).backgroundColor")
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert box
    assert (595, 842) == tuple(round(float(part)) for part in box.groups())


def test_text_of_attackers_stays_text_in_the_report(opened: Any) -> None:
    """Nothing that findings say may become an element, a link or the title of the report."""
    page = opened("hostile-report")
    assert 0 == page.locator("img, script, iframe, main svg svg").count()
    links = page.eval_on_selector_all("a", "all => all.map(item => item.href)")
    assert not [link for link in links if not link.startswith("https://attack.mitre.org/")]
    assert page.title().startswith("GuardDuty findings in ATT&CK")
    assert "</script><script>document.title" in page.locator("main").inner_text()
