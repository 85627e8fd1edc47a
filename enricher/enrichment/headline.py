"""Write the headline of an alert and the subject of its e-mail."""

from __future__ import annotations

import re

from enricher.enrichment.alert import Alert
from enricher.enrichment.attack_object import Attack, full_name
from enricher.enrichment.statement import statement_of
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.safe_text import defang, single_line

#: Maximum length of a subject in characters: SNS accepts "less than 100", without control characters.
#: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
SUBJECT_LIMIT = 99
#: Maximum characters of a name in a subject; the next one is tried if the subject is too long.
_NAME_LIMITS = (48, 32, 24, 16, 12, 8)
_ADDRESS = re.compile(r"(\d{1,3}\.\d{1,3}\.\d{1,3})\[\.\](\d{1,3})\b", re.ASCII)


def headline(finding: Finding, context: Context, attack: Attack, severity: str, *, known: bool) -> str:
    """Return one line: severity label, what happened, technique, account and Region.

    known: whether the mapping has a record of the type.
    """
    account, region = single_line(finding.account), single_line(finding.region)
    place = f"{account}/{region}" if account and region else account or region
    # Truncated part by part, not as a whole: a long name must not displace the account.
    statement = single_line(statement_of(finding, context), 240)
    line = f"{severity} · {statement} · {attack_phrase(attack, known=known)}"
    return f"{line} · {place}" if place else line


def attack_phrase(attack: Attack, *, known: bool) -> str:
    """Return the first technique with its confidence unless that is high, or why there is none."""
    unknown = "" if known else f"type not in mapping {attack['mapping']}"
    if attack["techniques"]:
        row = attack["techniques"][0]
        if row["confidence"] == "low":
            return "; ".join(filter(None, (f"possibly {full_name(row)} ({row['id']})", unknown)))
        note = "" if row["confidence"] == "high" else f", {row['confidence']}"
        return f"{full_name(row)} ({row['id']}{note})"
    if attack["tactics"]:
        name = attack["tactics"][0]["name"]
        return f"{unknown}; tactic {name} taken from its name" if unknown else f"{name} (tactic only)"
    return unknown or "no ATT&CK technique"


def alert_flags(alert: Alert) -> list[str]:
    """Return the words in front of a subject or title: UPDATE where something is known to have changed."""
    flags = (("UPDATE", bool(alert["changes"])), ("SAMPLE", alert["sample"]), ("ARCHIVED", alert["archived"]))
    return [word for word, applies in flags if applies]


def subject_line(finding: Finding, context: Context, alert: Alert) -> str:
    """Return the subject of an e-mail: ASCII, one line, at most SUBJECT_LIMIT characters.

    Account and Region are always whole; domains are de-fanged.
    """
    place = defang(
        " ".join(filter(None, (single_line(finding.account, 12), single_line(finding.region, 16))))
    )
    place = f"{place}:" if place else ""
    start = " ".join(filter(None, (*alert_flags(alert), f"[{alert['severity']}]", place)))
    for limit in _NAME_LIMITS:
        # An address cannot be followed from a subject, and it is what an analyst copies.
        text = _ADDRESS.sub(r"\1.\2", defang(statement_of(finding, context, short=limit), 400))
        line = f"{start} {text}".encode("ascii", "replace").decode("ascii")
        if len(line) <= SUBJECT_LIMIT:
            return line
    return line[: SUBJECT_LIMIT - 3] + "..."
