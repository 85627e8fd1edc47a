"""Read and check the evidence rules that people write under `mapping/evidence/`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from enricher.attack import Catalogue

if TYPE_CHECKING:
    from enricher.fault import Fault


def read_evidence(root: Path, catalogue: Catalogue, faults: list[Fault]) -> dict[str, Any]:
    """Compile the evidence rules to look-up tables, adding what is wrong with them to `faults`."""
    return {}
