"""State who did what: called an API, logged in to a database, acted in an attack sequence."""

from __future__ import annotations

import re

from enricher.enrichment.statement_facts import StatementFacts
from enricher.finding.api_calls import Call, failure_of, is_denied
from enricher.finding.fields import rows_at, text_at, value_at
from enricher.finding.safe_text import single_line
from enricher.finding.sequence import read_signals

_ACCESS_KEY = "AWS::IAM::AccessKey"


def attack_sequence(facts: StatementFacts) -> str:
    """Return what an attack sequence or a custom detection rule saw; "" for any other finding."""
    signals = value_at(facts.finding.service.get("detection"), "sequence.signals")
    if not isinstance(signals, list) or not signals:
        return ""
    actors = [facts.name(it.name or it.uid) for it in facts.context.principals]
    stated = facts.name(text_at(facts.finding.view, "customDetectionRuleName"))
    if stated or len(signals) == 1:
        return _custom_rule(facts, stated or facts.name(text_at(signals[0], "name")), actors)
    where = "" if actors else f" on {facts.resource}"
    last = next((facts.name(it.name) for it in reversed(read_signals(facts.finding.view))), "")
    if facts.short:
        others = f" and {len(actors) - 1} more" if len(actors) > 1 else ""
        end = f": {last.rpartition(':')[2]}" if last else ""
        return f"attack sequence{f', {actors[0]}{others}' if actors else where}{end}"
    end = f", the last {last}" if last else ""
    return f"attack sequence{_by(actors)}{where}{_from(facts.address)}: {len(signals)} signals{end}"


def _custom_rule(facts: StatementFacts, rule: str, actors: list[str]) -> str:
    """Return what a custom detection rule saw: its signals name the calls, but not their parameters."""
    rule = rule or "one signal"
    error = failure_of(facts.finding)
    if facts.short:
        outcome = f" {'DENIED' if is_denied(error) else 'FAILED'}" if error else ""
        return f"{rule}{outcome}{_by(actors)}{_from(facts.address)}"
    calls = [facts.name(it.name) for it in facts.context.calls]
    if not calls:
        return f"rule {rule} matched activity{_by(actors)}{_on(facts)}{_from(facts.address)}"
    called = _told(facts, actors[0] if actors else "", calls[0], len(calls) - 1, error)
    return f"{called}{_from(facts.address)} (rule {rule}{'' if error else _change(facts)})"


def _change(facts: StatementFacts) -> str:
    """Return what the only signal says of itself: it names what was changed, which its calls do not."""
    signals = rows_at(facts.finding.view, "service.detection.sequence.signals")
    text = single_line(text_at(signals[0], "description"), 120) if len(signals) == 1 else ""
    return f": {text.rstrip('.')}" if text else ""


def _by(actors: list[str]) -> str:
    if not actors:
        return ""
    return f" by {actors[0]}" + (f", then {actors[1]}" if len(actors) == 2 else "") + (
        f" and {len(actors) - 1} more" if len(actors) > 2 else ""
    )  # fmt: skip


def _from(address: str) -> str:
    return f" from {address}" if address else ""


#: What the address of a caller is, by the family of the type: in a sentence, and in a subject.
_ADDRESS_KINDS = (
    ("TorIPCaller", "Tor exit node ", "Tor "),
    ("MaliciousIPCaller", "threat-listed address ", "listed "),
    ("KaliLinux", "Kali Linux at ", "Kali "),
    ("ParrotLinux", "Parrot Linux at ", "Parrot "),
    ("PentooLinux", "Pentoo Linux at ", "Pentoo "),
)
#: Where credentials are used that belong elsewhere, and whose they are.
_PLACES = ((".InsideAWS", " in another account"), ("", " outside AWS"))
_OWNERS = (("/Instance", "an instance"), ("/Resource", "a workload"))


def _from_caller(facts: StatementFacts) -> str:
    """Return where a caller is: the address and what the type says of it."""
    if not facts.address:
        return ""
    return f" from {_named_address(facts)}{_with_credentials(facts.finding.type, facts.short)}"


def _named_address(facts: StatementFacts) -> str:
    kinds = (it for it in _ADDRESS_KINDS if it[0] in facts.finding.type)
    kind = next((brief if facts.short else full for _, full, brief in kinds), "")
    return f"{kind}{facts.address}"


def _with_credentials(finding_type: str, short: int) -> str:
    if "CredentialExfiltration" not in finding_type:
        return ""
    place = next(text for ending, text in _PLACES if finding_type.endswith(ending))
    owner = next((text for start, text in _OWNERS if start in finding_type), "")
    return place if short or not owner else f"{place}, with {owner}'s credentials"


#: What a Kubernetes request did, by its verb.
_KUBERNETES_VERBS = {
    "create": "created",
    "delete": "deleted",
    "deletecollection": "deleted all",
    "get": "read",
    "list": "listed",
    "patch": "patched",
    "update": "updated",
    "watch": "watched",
}


def api_call(facts: StatementFacts) -> str:
    """Return who called which API with what outcome; "" without a call."""
    call = facts.context.call
    if call is None:
        return ""
    if call.service == "kubernetes" and not facts.short:
        return _kubernetes_request(facts, call)
    who, error = facts.actor, failure_of(facts.finding)
    if call.operation == "ConsoleLogin":
        who = who or "an unnamed user"
        verb = "failed to log in to" if error else "logged in to"
        # The point of this type: no one person can have been in both places.
        is_apart = facts.finding.type.endswith("/ConsoleLoginSuccess.B") and not facts.short
        apart = " from places far apart, last" if is_apart else ""
        return f"{who} {verb} the console{apart}{_from_caller(facts)}"
    if "PromptInjection" in facts.finding.type and not error:
        return _prompt_injection(facts, call)
    if facts.short:
        outcome = (" DENIED" if is_denied(error) else " FAILED") if error else ""
        return f"{_brief(facts, call)}{outcome}{f', {who}' if who else ''}{_from_caller(facts)}"
    others = {it.name for it in facts.context.calls} - {call.operation}
    return f"{_told(facts, who, facts.name(call.operation), len(others), error)}{_from_caller(facts)}"


def _prompt_injection(facts: StatementFacts, call: Call) -> str:
    """Return through whom a prompt came: mostly an application passed it on, and its author is not known."""
    through = f"{f' through {facts.actor}' if facts.actor else ''}{_from_caller(facts)}"
    if facts.short:
        return f"prompt injection{facts.blocked}{through}"
    what = f"{facts.name(call.operation)}{_on(facts)}"
    return f"suspected prompt injection with {what}{through}{facts.blocked}"


def _told(facts: StatementFacts, who: str, call: str, others: int, error: str) -> str:
    """Return who called what on which resource with what outcome; without a caller, that it was called."""
    denied = bool(error) and is_denied(error)
    if who:
        verb = ("was denied" if denied else "failed to call") if error else "called"
        return f"{who} {verb} {call}{_on(facts)}{_others(others, 'call' if denied else 'API')}"
    be = "were" if others else "was"
    verb = (f"{be} denied" if denied else "failed") if error else f"{be} called"
    return f"{call}{_others(others, 'API')} {verb}{_on(facts)}"


def _kubernetes_request(facts: StatementFacts, call: Call) -> str:
    who, request = facts.actor or "an unnamed user", facts.name(call.operation)
    verb, _, resource = request.partition(" ")
    if error := failure_of(facts.finding):
        what = f"was denied {request}" if is_denied(error) else f"failed to {request}"
    elif resource in ("pods/exec", "pods/attach"):
        name = facts.name(call.resource_name)
        what = f"opened a session in pod {name}" if name else "opened a session in a pod"
    else:
        name = f"/{facts.name(call.resource_name)}" if call.resource_name else ""
        known = verb in _KUBERNETES_VERBS
        what = f"{_KUBERNETES_VERBS[verb]} {resource}{name}" if known else f"called {request}{name}"
    namespace = f" in namespace {facts.name(call.namespace)}" if call.namespace else ""
    cluster = f" on cluster {facts.resource}" if facts.main_resource else ""
    return f"{who} {what}{namespace}{cluster}{_from_caller(facts)}"


def _brief(facts: StatementFacts, call: Call) -> str:
    is_named = call.service == "kubernetes" and call.namespace
    return facts.name(call.operation) + (f" in {facts.name(call.namespace)}" if is_named else "")


def _others(count: int, noun: str) -> str:
    return f" and {count} other {noun}{'s' * (count > 1)}" if count else ""


def _on(facts: StatementFacts) -> str:
    """Return what a call was about: the resource, else the only one that the call affected, else its type."""
    resource = facts.main_resource
    # An access key is the caller's, not what the call is about.
    if resource and facts.resource != facts.actor and resource.kind != _ACCESS_KEY:
        return f" on {facts.resource}"
    stated = facts.name(facts.finding.text("resource.resourceType"))
    target = _affected(facts) or ("" if resource or stated == "AccessKey" else stated)
    return f" on {target}" if target else ""


def _affected(facts: StatementFacts) -> str:
    """Return the name of the only resource that the reported call affected, or ""."""
    affected = value_at(facts.finding.action, "awsApiCallAction.affectedResources")
    texts = [it for it in affected.values() if isinstance(it, str)] if isinstance(affected, dict) else []
    if len(texts) != 1:
        return ""
    return facts.name(re.split(r"[/:]", texts[0].rstrip("/:"))[-1])


def login(facts: StatementFacts) -> str:
    """Return who logged in, or tried to, to which database; "" without a login."""
    logins = facts.context.logins
    if logins is None:
        return ""
    who = _named_address(facts) if facts.address else "an unnamed client"
    user, more = facts.name(next(iter(logins.users), "")), len(logins.users) - 1
    user = f" as {user}{f' and {more} more' if more > 0 else ''}" if user and not facts.short else ""
    if logins.successful or (logins.successful is None and "Successful" in facts.finding.type):
        before = f" after {logins.failed} failures" if logins.failed else ""
        return f"{who} logged in to {facts.resource}{user}{before}"
    if logins.failed or "FailedLogin" in facts.finding.type:
        times = f", {logins.failed} times" if logins.failed and logins.failed > 1 else ""
        return f"{who} failed to log in to {facts.resource}{user}{times}"
    return f"{who} tried to log in to {facts.resource}{user}"
