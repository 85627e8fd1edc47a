"""Read the log-in attempts at a database: how many failed and succeeded, and as whom."""

from __future__ import annotations

from typing import NamedTuple

from enricher.finding.event import Finding
from enricher.finding.fields import Block, rows_at, text_at, whole_at

_ROWS = "service.action.rdsLoginAttemptAction.LoginAttributes"
_ROWS_ALSO = "service.action.rdsLoginAttemptAction.loginAttributes"
#: More rows of users are not read, so that a finding cannot cost any amount of time.
_MAX_ROWS = 400


class Logins(NamedTuple):
    """The log-in attempts of a finding, all rows added up; failed, successful: None if no row states it."""

    users: tuple[str, ...]
    failed: int | None
    successful: int | None

    def __str__(self) -> str:
        """Return the counts, such as "37 failed and 1 successful log-ins"; "log-in" if none is stated."""
        counts = [
            f"{count} {how}"
            for count, how in ((self.failed, "failed"), (self.successful, "successful"))
            if count is not None
        ]
        if not counts:
            return "log-in"
        total = (self.failed or 0) + (self.successful or 0)
        return f"{' and '.join(counts)} log-in{'' if total == 1 else 's'}"


def read_logins(finding: Finding) -> Logins:
    """Return the log-in attempts that a finding states, which may be none."""
    rows = _rows(finding.view)
    return Logins(read_users(finding), _total(rows, "failed"), _total(rows, "successful"))


def read_users(finding: Finding) -> tuple[str, ...]:
    """Return the distinct database users that a finding names."""
    view = finding.view
    if "rdsDbUserDetails" not in finding.resource and "rdsLoginAttemptAction" not in finding.action:
        return ()
    names = (*(text_at(row, "user") for row in _rows(view)), text_at(view, "resource.rdsDbUserDetails.user"))
    return tuple(filter(None, dict.fromkeys(names)))


def _rows(view: Block) -> list[Block]:
    return rows_at(view, _ROWS, _MAX_ROWS) or rows_at(view, _ROWS_ALSO, _MAX_ROWS)


def _total(rows: list[Block], how: str) -> int | None:
    counts = [count for row in rows if (count := whole_at(row, f"{how}LoginAttempts")) is not None]
    return sum(counts) if counts else None
