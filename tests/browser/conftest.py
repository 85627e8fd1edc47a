"""Open the pages in headless Chromium, from the file system, and fail on any request or console error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from enricher.authoring.loader import read_mapping
from enricher.finding.event import Finding
from enricher.pages.matrix import matrix_page
from enricher.pages.observed import Observed, Period, times_of
from enricher.pages.report import Comparison, report_page
from tests import examples
from tests.pages import hostile

#: Playwright is in an environment of its own (requirements-browser.txt): `make test` does not collect these.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

ROOT = Path(__file__).resolve().parents[2]
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = ROOT / ".build" / "screenshots"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the pages once; return their files: the matrix and the report, each also of hostile findings."""
    folder = tmp_path_factory.mktemp("pages")
    mapping = read_mapping()
    real = [Finding.from_event(examples.event(name)) for name in examples.names()]
    bad = [Finding.from_event(event) for event in hostile.findings()]
    days = sorted(last.date() for item in [*real, *bad] if (last := times_of(item)[1]))
    reports = {
        "good": Comparison.of(mapping, None, Period(days[len(days) // 2], days[-1])),
        "bad": Comparison.of(mapping, None, Period(days[0], days[-1])),
    }
    for name, findings in (("good", real), ("bad", bad)):
        for finding in findings:
            reports[name].add(finding)
    texts = {
        "matrix": matrix_page(mapping),
        "observed": matrix_page(mapping, None, Observed(mapping).add_all(real)),
        "hostile": matrix_page(mapping, None, Observed(mapping).add_all(bad)),
        "report": report_page(reports["good"]),
        "hostile-report": report_page(reports["bad"]),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start the system's Chromium; no browser is downloaded."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.fail("no Chromium: install the package `chromium`, or state its path in CHROMIUM")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses to run as root
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()


class Opened:
    """One page: `page` is playwright's; `faults` are the console errors and requests so far."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.faults: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))
        page.on("request", lambda request: self._request(request.url))
        page.on("dialog", lambda dialog: self._note("error", f"dialog {dialog.message}"))

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(f"{kind}: {text}")

    def _request(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.faults.append(f"request: {url}")


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path], request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a function that opens a page by name; every page must end without a fault."""
    contexts: list[Any] = []
    all_opened: list[Opened] = []

    def open_page(
        name: str, target: str = "", *, width: int = 1440, height: int = 900, **options: Any
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        all_opened.append(Opened(page))
        page.goto(pages[name].as_uri() + (f"#{target}" if target else ""))
        return page

    yield open_page
    faults = [fault for item in all_opened for fault in item.faults]
    for context in contexts:
        context.close()
    assert faults == []


def violations(page: Any) -> list[str]:
    """Return what axe-core objects to: rule and element, one per line."""
    # Through the protocol, as the page's own policy would block a script element.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])"
    )
    return [f"{rule}: {html[:200]}" for rule, nodes in found for html in nodes[:5]]
