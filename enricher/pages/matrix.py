"""Build the matrix page: what GuardDuty detects in ATT&CK, why, and what was observed."""

from __future__ import annotations

from enricher.mapping.model import AttackMapping
from enricher.pages.document import asset, document
from enricher.pages.matrix_data import matrix_data
from enricher.pages.observed import Observed

#: The parts of the page's script, which share one scope, in the order in which they are joined.
SCRIPTS = ("dom.js", "model.js", "details.js", "search.js", "matrix.js")


def matrix_page(mapping: AttackMapping, version: str | None = None, observed: Observed | None = None) -> str:
    """Return the page as HTML; version: the ATT&CK release it opens with (None: the pinned one)."""
    return document(
        "GuardDuty in MITRE ATT&CK",
        style=asset("base.css", "matrix.css"),
        body=asset("matrix.html"),
        script="(() => {\n'use strict';\n" + asset(*SCRIPTS) + "\n})();\n",
        data=matrix_data(mapping, version, observed),
    )
