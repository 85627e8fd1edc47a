"""State who did what: called an API, logged in to a database, acted in an attack sequence."""

from __future__ import annotations

import re

from enricher.enrichment.statement_facts import StatementFacts
from enricher.finding.api_calls import Call, failure_of, is_denied
from enricher.finding.fields import text_at


def attack_sequence(facts: StatementFacts) -> str:
    """Return what an attack sequence or a custom detection rule saw; "" for any other finding."""
    signals = facts.finding.at("service.detection.sequence.signals")
    if not isinstance(signals, list) or not signals:
        return ""
    actors = [facts.name(it.name or it.uid) for it in facts.context.principals]
    if len(signals) == 1:
        # A custom detection rule: its only signal is the rule.
        what = facts.name(text_at(signals[0], "name")) or "one signal"
        rule = facts.name(text_at(facts.finding.view, "customDetectionRuleName")) or what
        rule = rule if facts.short else f"rule {rule} matched activity"
        return f"{rule}{_by(actors)}{_from(facts.address)}"
    where = "" if actors else f" on {facts.resource}"
    if facts.short:
        others = f" and {len(actors) - 1} more" if len(actors) > 1 else ""
        return f"attack sequence, {actors[0]}{others}" if actors else f"attack sequence{where}"
    return f"{len(signals)} signals form an attack sequence{_by(actors)}{where}{_from(facts.address)}"


def _by(actors: list[str]) -> str:
    if not actors:
        return ""
    return f" by {actors[0]}" + (f", then {actors[1]}" if len(actors) == 2 else "") + (
        f" and {len(actors) - 1} more" if len(actors) > 2 else ""
    )  # fmt: skip


def _from(address: str) -> str:
    return f" from {address}" if address else ""


def api_call(facts: StatementFacts) -> str:
    """Return who called which API with what outcome; "" without a call."""
    call = facts.context.call
    if call is None:
        return ""
    who, what = facts.actor or "an unnamed caller", _called(facts, call)
    error = failure_of(facts.finding)
    short, verb = ("", "called")
    if error:
        short, verb = (" DENIED", "was denied") if is_denied(error) else (" FAILED", "failed to call")
    if call.operation == "ConsoleLogin":
        verb = "failed to log in to" if error else "logged in to"
        return f"{who} {verb} the console{_from(facts.address)}"
    if facts.short:
        return f"{what}{short}, {who}{_from(facts.address)}"
    if "PromptInjection" in facts.finding.type and not error:
        return f"{who} sent a suspected prompt injection with {what}{_from(facts.address)}"
    return f"{who} {verb} {what}{_from(facts.address)}"


def _called(facts: StatementFacts, call: Call) -> str:
    what = facts.name(call.operation)
    if call.service == "kubernetes":
        what += f" in {facts.name(call.namespace)}" if call.namespace else ""
        return what if facts.short else f"{what} on {facts.resource}"
    others = {it.name for it in facts.context.calls} - {call.operation}
    if facts.short:
        return what
    # An access key is the caller's, not what the call is about.
    named = facts.resource not in (facts.actor, "unnamed resource")
    target = facts.resource if named else _affected(facts)
    what += f" on {target}" if target else ""
    return what + (f" and {len(others)} other call{'s' * (len(others) > 1)}" if others else "")


def _affected(facts: StatementFacts) -> str:
    """Return the name of the only resource that the reported call affected, or ""."""
    affected = facts.finding.at("service.action.awsApiCallAction.affectedResources")
    texts = [it for it in affected.values() if isinstance(it, str)] if isinstance(affected, dict) else []
    if len(texts) != 1:
        return ""
    return facts.name(re.split(r"[/:]", texts[0].rstrip("/:"))[-1])


def login(facts: StatementFacts) -> str:
    """Return who logged in, or tried to, to which database; "" without a login."""
    logins = facts.context.logins
    if logins is None:
        return ""
    who = facts.address or "an unnamed client"
    user, more = facts.name(next(iter(logins.users), "")), len(logins.users) - 1
    user = f" as {user}{f' and {more} more' if more > 0 else ''}" if user and not facts.short else ""
    if logins.successful or (logins.successful is None and "Successful" in facts.finding.type):
        before = f" after {logins.failed} failures" if logins.failed else ""
        return f"{who} logged in to {facts.resource}{user}{before}"
    if logins.failed or "FailedLogin" in facts.finding.type:
        times = f", {logins.failed} times" if logins.failed and logins.failed > 1 else ""
        return f"{who} failed to log in to {facts.resource}{user}{times}"
    return f"{who} tried to log in to {facts.resource}{user}"
