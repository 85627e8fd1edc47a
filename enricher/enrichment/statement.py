"""State in one sentence what happened: a subject, a verb and the point, such as "i-0abc looked up …"."""

from __future__ import annotations

from collections.abc import Callable

from enricher.enrichment.statement_actor import api_call, attack_sequence, login
from enricher.enrichment.statement_facts import StatementFacts
from enricher.enrichment.statement_host import malware, process_activity
from enricher.enrichment.statement_network import dns_request, network_connection, port_probe
from enricher.finding.context import Context
from enricher.finding.event import Finding

#: Begins the statement of a finding that shows no activity.
NO_ACTIVITY = "GuardDuty reported"


def statement_of(finding: Finding, context: Context, *, short: int = 0) -> str:
    """Return one sentence without a full stop; its names are finding content on one line, not de-fanged.

    short: for an e-mail subject, the maximum characters of a name. A finding that shows no activity has its
    type and resource.
    """
    facts = StatementFacts(finding, context, short)
    for describe in _DESCRIBERS:
        if text := describe(facts):
            return text
    return f"{NO_ACTIVITY} {facts.name(finding.type) or 'a finding without a type'} on {facts.resource}"


_DESCRIBERS: tuple[Callable[[StatementFacts], str], ...] = (
    attack_sequence,
    process_activity,
    api_call,
    login,
    dns_request,
    port_probe,
    network_connection,
    malware,
)
