"""Render a finding as a custom notification of Amazon Q Developer in chat applications (Slack, Teams).

Schema: https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
Escaping in Slack: https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from enricher.enrichment.enrich import EnrichedFinding
from enricher.enrichment.headline import alert_flags
from enricher.enrichment.statement import statement_of
from enricher.finding.context import Context
from enricher.finding.event import Finding
from enricher.finding.safe_text import defang, plain
from enricher.formats.json_text import dump_json, filled
from enricher.formats.summary import summarize
from enricher.formats.truncation import fit

#: This project's own limits, in characters. A section of a Slack message holds 3,000 characters
#: (https://docs.slack.dev/reference/block-kit/blocks/section-block); a title is one or two lines on a phone.
TITLE_LIMIT = 240
DESCRIPTION_LIMIT = 2_800
#: Fields removed, in this order, when the notification exceeds the limit of its topic.
_TRUNCATION_ORDER = (
    ("metadata", "additionalContext"),
    ("metadata", "relatedResources"),
    ("content", "keywords"),
    ("content", "description"),
)

# Slack and Teams have no common escape, so characters that either treats as markup are replaced by look-alike
# characters: `<!channel>` and `<@U1>` notify users, backticks and asterisks start a style, brackets a link.
_LOOK_ALIKE = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "[": "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}",
        "]": "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}",
        "*": "\N{ASTERISK OPERATOR}",
        "~": "\N{TILDE OPERATOR}",
        "|": "\N{BROKEN BAR}",
        "@": "\N{FULLWIDTH COMMERCIAL AT}",
        "\\": "\N{REVERSE SOLIDUS OPERATOR}",
        "`": "'",
    }
)
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_OPEN_BRACKET = re.compile(r"\[[^\]]*\Z")
_ICONS = {"CRITICAL": "🟣", "HIGH": "🔴", "MEDIUM": "🟠", "LOW": "🟡"}


def render(enriched: EnrichedFinding, limit: int) -> str:
    """Return the notification as JSON of at most `limit` UTF-8 bytes.

    Finding content is shown without markup, mentions or links. Updates of one finding share a thread. Above
    the limit fields are removed in a fixed order and metadata.additionalContext.removed lists them; raise
    TooLarge if the required fields exceed the limit.
    """
    body = _notification(enriched)
    order = [(block, key) for block, key in _TRUNCATION_ORDER if key in body[block]]

    def truncated(count: int) -> str:
        removed = order[:count]
        left = {
            block: {key: value for key, value in inner.items() if (block, key) not in removed}
            if isinstance(inner, dict)
            else inner
            for block, inner in body.items()
        }
        if removed:
            left["metadata"]["additionalContext"] = {
                "removed": ", ".join(f"{block}.{key}" for block, key in removed)
            }
        return dump_json(left)

    return fit(truncated, lambda: len(order), limit)


def _notification(enriched: EnrichedFinding) -> dict[str, Any]:
    finding, attack, alert = enriched.finding, enriched.attack, enriched.alert
    context = enriched.context
    return filled(
        {
            "version": "1.0",
            "source": "custom",
            "id": alert["dedupId"],
            "content": {
                "textType": "client-markdown",
                "title": _title(enriched, context),
                "description": _description(enriched, context),
                "nextSteps": _next_steps(enriched),
                "keywords": [unmarked(word, 75) for word in _keywords(enriched)],
            },
            "metadata": {
                "threadId": thread_id(finding),
                "summary": unmarked(alert["headline"], TITLE_LIMIT),
                "eventType": plain(finding.type, 100),
                "relatedResources": [unmarked(it.uid or it.name) for it in context.resources[:10]],
                "additionalContext": {
                    "findingId": plain(finding.text("id")),
                    "accountId": plain(finding.account),
                    "region": plain(finding.region),
                    "severity": alert["severity"],
                    "occurrence": alert["occurrence"],
                    "techniques": ",".join(row["id"] for row in attack["techniques"]),
                    "tactics": ",".join(row["id"] for row in attack["tactics"]),
                    "attackVersion": attack["version"],
                },
            },
        }
    )


def unmarked(text: str, limit: int = 200) -> str:
    """Return finding content as one line of at most `limit` characters without links, mentions or markup."""
    line = plain(text, limit).translate(_LOOK_ALIKE)
    # A cut must not leave the beginning of a bracket pair that de-fanging made.
    return _OPEN_BRACKET.sub("", defang(_EDGE_UNDERSCORE.sub("-", line), 2 * limit)[:limit])


def thread_id(finding: Finding) -> str:
    """Return the thread ID, identical for all updates of a finding: the hex SHA-256 of its ARN.

    Without an ARN it is derived from account, Region, ID and type.
    """
    identity = finding.arn or f"{finding.account}|{finding.region}|{finding.text('id')}|{finding.type}"
    return hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest()


def _title(enriched: EnrichedFinding, context: Context) -> str:
    finding, alert = enriched.finding, enriched.alert
    icon = "⚪" if alert["sample"] else _ICONS.get(alert["severity"], "⚪")
    flags = "".join(f"{word} " for word in alert_flags(alert))
    place = " ".join(filter(None, (finding.account, finding.region)))
    statement = unmarked(statement_of(finding, context), TITLE_LIMIT - 40)
    return f"{icon} {flags}{alert['severity']} {statement}{f', {unmarked(place, 38)}' if place else ''}"


def _description(enriched: EnrichedFinding, context: Context) -> str:
    alert, summary = enriched.alert, summarize(enriched, context)
    lines = [f"*Update* {unmarked(alert['changes'], 300)}"] if alert["changes"] else []
    lines += [_SAMPLE] if alert["sample"] else []
    lines += [_ARCHIVED] if alert["archived"] else []
    what = " ".join(filter(None, (unmarked(summary.outcome), unmarked(summary.title, 300))))
    lines += [f"*What* {what}"] if what else []
    lines += [f"*When* {summary.when}"] if summary.when else []
    lines += [f"*{label}* {unmarked(value)}" for label, value in summary.who]
    lines += [f"{unmarked(time)} {unmarked(text)}" for time, text in summary.signals]
    lines += [f"*{unmarked(label, 40)}* {unmarked(value)}" for label, value in summary.facts]
    rows = summary.attack
    lines += [f"*ATT&CK* {unmarked(f'{label} {value}'.strip(), 300)}" for label, value in rows]
    lines += [f"*Benign if* {alert['benign']}"] if alert["benign"] else []
    lines += [f"*Why* {unmarked(summary.why, 700)}"] if summary.why else []
    lines += [f"*Seen* {unmarked(name)} = {unmarked(value, 120)}" for name, value in summary.seen]
    # Remove whole lines only: a truncated line could start a style that is never closed.
    while len("\n".join(lines)) > DESCRIPTION_LIMIT:
        lines.pop()
    return "\n".join(lines)


_ARCHIVED = "*Archived* in GuardDuty, by a person or a suppression rule: first check why."
_SAMPLE = "*Sample finding:* generated by GuardDuty for testing, no actual activity."


def _next_steps(enriched: EnrichedFinding) -> list[str]:
    alert, techniques = enriched.alert, enriched.attack["techniques"]
    steps = [alert["check"]] if alert["check"] else []
    steps += [f"Open the finding: {alert['console']}"] if alert["console"] else []
    return steps + ([f"Read about the technique: {techniques[0]['url']}"] if techniques else [])


def _keywords(enriched: EnrichedFinding) -> list[str]:
    finding, attack = enriched.finding, enriched.attack
    names = [enriched.alert["severity"], *(row["id"] for row in attack["techniques"][:3])]
    names += [tactic["name"] for tactic in attack["tactics"][:3]]
    return [name for name in (*names, finding.account, finding.region) if name]
