"""Findings whose text attacks whatever shows it."""

from __future__ import annotations

from typing import Any

from tests import examples

#: Ends a script element, an attribute, a JavaScript string, a line and a text direction, begins an element, a
#: link and a formula; with a lone surrogate. A prefix of each is kept wherever text is cut.
ATTACKS = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg onload=document.title='owned'>",
    "'-alert(1)-'",
    "javascript:alert(1)",
    "https://203.0.113.9/x",
    "\u2028document.title='owned'\u2029",
    "\u202eowned\u202c\x00\x1b[31m",
    "=HYPERLINK(1)",
    "${document.title='owned'}",
    "]]>&amp;&#60;b&#62;",
    "\ud800",
)


def findings() -> list[dict[str, Any]]:
    """Return an event for each attack, with the text in every field that a page may show."""
    return [_event(text, number) for number, text in enumerate(ATTACKS)]


def _event(text: str, number: int) -> dict[str, Any]:
    event = examples.event(
        "iam-anomalous-persistence-create-access-key",
        arn=f"arn:aws:guardduty:us-east-1:111122223333:detector/d/finding/{number}",
        title=text,
        description=text,
    )
    detail = event["detail"]
    if number % 3 == 0:
        detail["type"] = f"Recon:EC2/{text}"
    detail["resource"]["accessKeyDetails"] |= {"userName": text, "accessKeyId": text, "principalId": text}
    detail["accountId"] = text if number % 4 == 0 else "111122223333"
    detail["service"]["action"]["awsApiCallAction"]["userAgent"] = text
    return event
