"""The names that a statement is made of, each sanitised and cut, read from the finding when they are used."""

from __future__ import annotations

from functools import cached_property

from enricher.finding.blocked import is_blocked
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.network import Connection
from enricher.finding.resources import Resource, main_resource
from enricher.finding.safe_text import single_line

#: Maximum characters of one name in the sentence; the finding's details have it in full.
NAME_LIMIT = 60


class StatementFacts:
    """What a statement is made of; "" for what the finding does not show.

    short: maximum characters of a name in a short sentence, or 0. Properties are read once, when used: a
    statement needs few of them.
    """

    def __init__(self, finding: Finding, context: Context, short: int) -> None:
        self.finding, self.context, self.short = finding, context, short

    def name(self, text: str) -> str:
        """Return a name of the finding on one line, cut to the limit."""
        return single_line(text, self.short or NAME_LIMIT)

    @cached_property
    def main_resource(self) -> Resource | None:
        """Return the affected resource itself; None if the finding states its type at most."""
        return main_resource(self.finding.view, self.context.resources)

    @cached_property
    def resource(self) -> str:
        """Return the affected resource: an instance with its Name tag, a new kind with its type."""
        resource = self.main_resource
        if resource is None:
            return self.name(self.finding.text("resource.resourceType")) or "unnamed resource"
        short_name = resource.short_name
        if not resource.has_row:
            return self.name(f"{resource.kind} {short_name}".strip())
        if resource.kind != "AWS::EC2::Instance" or resource.name in ("", short_name):
            return self.name(short_name)
        return self.name(resource.name if self.short else f"{short_name} ({resource.name})")

    @cached_property
    def actor(self) -> str:
        """Return the first principal."""
        principal = next(iter(self.context.principals), None)
        name = (principal.name or principal.uid) if principal else ""
        return self.name(name.removeprefix("system:serviceaccount:") if self.short else name)

    @cached_property
    def address(self) -> str:
        """Return the first remote address or domain, and how many others there are."""
        addresses = dict.fromkeys(it.remote.ip or it.remote.domain for it in self.context.connections)
        first, *others = addresses or [""]
        # An analyst copies an IP address, also from a subject: it is never cut.
        is_ip = any(it.remote.ip == first for it in self.context.connections)
        address = single_line(first) if is_ip else self.name(first)
        return f"{address} and {len(others)} more" if others else address

    @cached_property
    def process(self) -> str:
        """Return the path of the process, in a short sentence its file name."""
        process = self.context.process
        path = (process.path or process.name) if process else ""
        # The kernel appends it to the path of a file that was removed, or was in memory only.
        path = path.removesuffix(" (deleted)")
        if not path:
            return ""
        return self.name(path.rpartition("/")[2] or path if self.short else path)

    @cached_property
    def workload(self) -> str:
        """Return where a process ran: the container or pod if there is one, else the resource."""
        container = self.context.container
        name = container.name if container and container.name else ""
        if not name or name == self.resource:
            return self.resource
        return self.name(name) if self.short else f"{self.name(name)} on {self.resource}"

    @cached_property
    def blocked(self) -> str:
        """Return the end of a sentence about activity that was blocked."""
        return (" BLOCKED" if self.short else ", blocked") if is_blocked(self.finding) else ""

    @property
    def peer(self) -> Connection | None:
        """Return the first connection."""
        return next(iter(self.context.connections), None)
