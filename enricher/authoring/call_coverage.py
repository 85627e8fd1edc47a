"""Compare the rules for API calls with the service models of the installed botocore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from enricher.enrichment.call_rules import find_by_name, find_reviewed
from enricher.enrichment.rules import tables_of
from enricher.finding.api_calls import Call
from enricher.mapping.model import AttackMapping

#: Event sources in CloudTrail that differ from the signing name and endpoint prefix of the service model.
_EVENT_SOURCES = {"email": "ses", "oidc": "sso", "portal.sso": "sso", "cloudhsmv2": "cloudhsm"}


class ServiceCoverage(NamedTuple):
    """The calls of one service (event source without .amazonaws.com) by what reads them."""

    service: str
    reviewed: list[str]
    by_name: list[str]
    uncovered: list[str]


def measure(mapping: AttackMapping) -> list[ServiceCoverage]:
    """Return the coverage of each service of botocore, by name of its event source."""
    tables = tables_of(mapping)
    if tables is None:
        return []
    found: dict[str, ServiceCoverage] = {}
    for service, call in sorted(set(_calls_of_botocore())):
        row = found.setdefault(service, ServiceCoverage(service, [], [], []))
        if find_reviewed(Call(f"{service}.amazonaws.com", call, "", ()), "", tables) is not None:
            row.reviewed.append(call)
        elif find_by_name(call, tables) is not None:
            row.by_name.append(call)
        else:
            row.uncovered.append(call)
    return list(found.values())


def _calls_of_botocore() -> Iterator[tuple[str, str]]:
    from botocore.loaders import Loader

    loader = Loader()
    for name in loader.list_available_services("service-2"):
        model = loader.load_service_model(name, "service-2")
        about = model["metadata"]
        source = about.get("signingName") or about["endpointPrefix"]
        for call in model["operations"]:
            yield _EVENT_SOURCES.get(source, source).lower(), call


def coverage_lines(rows: list[ServiceCoverage]) -> list[str]:
    """Return one line for each service, those without any reviewed rule last, then the totals."""
    width = max(len(row.service) for row in rows)
    lines = [f"{'service':{width}}  reviewed  by name  uncovered"]
    ordered = sorted(rows, key=lambda row: (not row.reviewed, row.service))
    lines += [_line(row.service, width, row) for row in ordered]
    total = ServiceCoverage(
        "all",
        [call for row in rows for call in row.reviewed],
        [call for row in rows for call in row.by_name],
        [call for row in rows for call in row.uncovered],
    )
    return [*lines, _line("all", width, total)]


def _line(name: str, width: int, row: ServiceCoverage) -> str:
    return f"{name:{width}}  {len(row.reviewed):8}  {len(row.by_name):7}  {len(row.uncovered):9}"


def service_lines(row: ServiceCoverage) -> list[str]:
    """Return the calls of one service, one per line, with what reads them."""
    kinds = (("reviewed", row.reviewed), ("by name", row.by_name), ("uncovered", row.uncovered))
    return [f"{kind:9}  {call}" for kind, calls in kinds for call in calls]
