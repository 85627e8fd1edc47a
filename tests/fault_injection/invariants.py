"""Check the invariants of a schedule: compare the events sent with what was delivered, update by update."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from enricher.destinations.security_hub_annotate import FIELDS_LIMIT, product_arn
from enricher.finding.event import Finding
from enricher.formats.asff import PREFIX, attack_fields
from tests.fault_injection.findings import ACCOUNT, REGION, Update, small_mapping
from tests.fault_injection.queue import REDRIVEN
from tests.fault_injection.simulation import Configuration, Simulation, enrich_once

#: The number of facts in one update: severity, technique, address, principal.
FACTS = 4


@dataclass(slots=True)
class Invariants:
    """Counts of what happened to the updates. violations: one sentence for each violated guarantee."""

    events: int = 0
    findings: int = 0
    delivered: int = 0
    duplicates: int = 0
    suppressed: int = 0
    dead_lettered: int = 0
    redriven: int = 0
    not_found: int = 0
    calls: int = 0
    invocations: int = 0
    violations: list[str] = field(default_factory=list)

    def add(self, other: Invariants) -> None:
        """Add the counts and violations of another schedule."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def check_invariants(
    simulation: Simulation,
    updates: list[Update],
    configuration: Configuration,
    *,
    in_order: bool = False,
    reliable: bool = False,
) -> Invariants:
    """Return the counts, and a violation for each finding that breaks a guarantee of docs/guarantees.md.

    in_order: retries are too short for one update of a finding to overtake another; reliable: the destination
    has no faults, so no message may reach the maximum receive count.
    """
    reasons = dict(simulation.queue.dead_letters)
    invariants = Invariants(
        events=len(updates),
        findings=len({update.arn for update in updates}),
        suppressed=simulation.telemetry.counted["DuplicateSuppressed"],
        dead_lettered=len(reasons),
        redriven=sum(reason == REDRIVEN for reason in reasons.values()),
        not_found=simulation.telemetry.counted["SecurityHubFindingNotFound"],
        invocations=simulation.invocations,
    )
    invariants.violations += [f"still in the queue: {body[:80]}" for body in simulation.queue.remaining]
    invariants.violations += [
        f"dead-lettered without a reason: {body[:80]}" for body, reason in reasons.items() if not reason
    ]
    if simulation.injector.timeouts:
        invariants.violations.append(f"invocations timed out: {simulation.injector.timeouts}")
    if reliable and invariants.redriven:
        invariants.violations.append(f"redriven though the destination had no faults: {invariants.redriven}")
    for update in updates:
        if not update.updated_at and update.body not in reasons:
            invariants.violations.append(f"invalid message lost: {update.body[:80]}")
    valid = [update for update in updates if update.updated_at]
    live = [update for update in valid if update.body not in reasons]
    if configuration.route == "sns":
        _check_topic(simulation, valid, live, configuration, invariants)
        if in_order and configuration.mode == "material":
            invariants.violations += _check_reopened(simulation, valid)
    else:
        _check_hub(simulation, valid, live, configuration, invariants)
    return invariants


def _check_topic(
    simulation: Simulation,
    valid: list[Update],
    live: list[Update],
    configuration: Configuration,
    invariants: Invariants,
) -> None:
    published = Counter(simulation.topic.published)
    invariants.delivered, invariants.calls = len(simulation.topic.published), simulation.topic.calls
    invariants.duplicates = sum(count - 1 for count in published.values())
    if unknown := published.keys() - {update.dedup_id for update in valid}:
        invariants.violations.append(f"published but never sent: {unknown}")
    if configuration.has_table:
        invariants.violations += _check_copies(simulation, valid, published)
    if configuration.mode == "every" or not configuration.has_table:
        expected = live
        invariants.violations += [
            f"resent but not published again: {update.arn} {update.updated_at}"
            for update in live
            if simulation.resent[update.dedup_id] and published[update.dedup_id] < 2
        ]
    else:
        expected = [update for update in live if not update.arn]
        invariants.violations += _check_findings(simulation, valid, live, configuration.mode)
    invariants.violations += [
        f"lost: {update.arn} {update.updated_at}" for update in expected if not published[update.dedup_id]
    ]


def _check_copies(simulation: Simulation, valid: list[Update], published: Counter[str]) -> Iterator[str]:
    """Check that each further delivery of an update follows from a fault that hid the first one."""
    allowed = simulation.allowed_duplicates + Counter(simulation.topic.lost) + simulation.resent
    for update in valid:
        if update.arn and published[update.dedup_id] > 1 + allowed[update.dedup_id]:
            yield f"published {published[update.dedup_id]} times: {update.arn} {update.updated_at}"


def _check_reopened(simulation: Simulation, valid: list[Update]) -> Iterator[str]:
    """Check that each un-archived finding was published, unless it had faults of its own."""
    dead_lettered = {body for body, _ in simulation.queue.dead_letters}
    published = set(simulation.topic.published)
    by_arn: dict[str, list[Update]] = defaultdict(list)
    for update in valid:
        by_arn[update.arn].append(update)
    for arn, updates in by_arn.items():
        if (
            not arn
            or simulation.allowed_duplicates[arn]
            or dead_lettered & {update.body for update in updates}
        ):
            continue
        for before, after in pairwise(sorted(updates, key=lambda update: update.at)):
            if before.archived and not after.archived and after.dedup_id not in published:
                yield f"un-archived but not published: {arn} {after.updated_at}"


def _check_findings(
    simulation: Simulation, valid: list[Update], live: list[Update], mode: str
) -> Iterator[str]:
    """Check, finding by finding, what the modes first and material suppressed."""
    by_id = {update.dedup_id: update for update in valid}
    by_arn: dict[str, list[Update]] = defaultdict(list)
    published: dict[str, list[Update]] = defaultdict(list)
    for update in live:
        by_arn[update.arn].append(update)
    for key in simulation.topic.published:
        published[by_id[key].arn].append(by_id[key])
    lost = Counter(by_id[key].arn for key in simulation.topic.lost)
    bodies = {body for body, _ in simulation.queue.dead_letters}
    dead_lettered = {update.arn for update in valid if update.body in bodies}
    for arn, updates in by_arn.items():
        if arn:
            resent = simulation.resent[arn]
            allowed = simulation.allowed_duplicates[arn] + lost[arn] + resent
            yield from _check_finding(arn, updates, published[arn], mode, allowed)
            # A dead-lettered message can have been the one of the resend.
            if resent and arn not in dead_lettered and len(published[arn]) < 2:
                yield f"resent but not published again: {arn}"


def _check_finding(
    arn: str, live: list[Update], published: list[Update], mode: str, allowed: int
) -> Iterator[str]:
    """Check one finding of the mode first or material; published: its updates that were published."""
    if not published:
        yield f"never published: {arn}"
        return
    if mode == "first":
        if len(published) > 1 + allowed:
            yield f"published {len(published)} times in mode first: {arn}"
        return
    missing = {fact for update in live for fact in update.facts} - {
        fact for update in published for fact in update.facts
    }
    if missing:
        yield f"{missing} never published: {arn}"
    if max(update.rank for update in live) > max(update.rank for update in published):
        yield f"the highest severity was never published: {arn}"
    needed = _count_material_changes(live, published)
    # Each fact in a finding state that could not be stored can be a material change again.
    if len(published) > needed + allowed * FACTS:
        yield f"published {len(published)} times, {needed} with a material change: {arn}"


def _count_material_changes(live: list[Update], published: list[Update]) -> int:
    """Count the deliveries with a material change from those before them."""
    changes, facts, rank, last = 0, set[str](), -1, ""
    for update in published:
        reopened = not update.archived and any(
            other.archived and other.updated_at < update.updated_at for other in live
        )
        if update.facts - facts or update.rank > rank or reopened:
            changes += 1
        facts |= update.facts
        if update.updated_at > last:
            rank, last = update.rank, update.updated_at
    return changes


def _check_hub(
    simulation: Simulation,
    valid: list[Update],
    live: list[Update],
    configuration: Configuration,
    invariants: Invariants,
) -> None:
    client, hub = simulation.hub_client, simulation.hub
    invariants.calls = client.get_calls + client.updates + client.imports
    discarded = {simulation.queue.body_of(key) for key in simulation.telemetry.discarded}
    by_arn: dict[str, list[Update]] = defaultdict(list)
    all_by_arn: dict[str, list[Update]] = defaultdict(list)
    for update in live:
        by_arn[update.arn].append(update)
    for update in valid:
        all_by_arn[update.arn].append(update)
    for arn, updates in by_arn.items():
        if configuration.route == "annotate":
            invariants.violations += _check_annotated(
                simulation, all_by_arn[arn], updates, discarded, invariants
            )
            continue
        key = (arn, f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default")
        if key not in hub.findings:
            invariants.violations.append(f"never imported: {arn}")
        else:
            invariants.delivered += 1


def _check_annotated(
    simulation: Simulation,
    valid: list[Update],
    live: list[Update],
    discarded: set[str],
    invariants: Invariants,
) -> Iterator[str]:
    arn = valid[0].arn
    key = (arn, product_arn("aws", REGION))
    finding = simulation.hub.findings[key]
    fields = finding.get("UserDefinedFields", {})
    if {name: value for name, value in fields.items() if not name.startswith(PREFIX)} != finding["Before"]:
        yield f"fields of others were changed: {arn}"
    ours = {name: value for name, value in fields.items() if name.startswith(PREFIX)}
    expected = [update for update in live if not update.archived and update.body not in discarded]
    if simulation.hub.visible(key) and not ours and expected:
        yield f"never annotated: {arn}"
    if ours:
        invariants.delivered += 1
        free = FIELDS_LIMIT - len(finding["Before"])
        # Dead-lettered updates too: the last call may have had its effect although its response was lost.
        candidates = (
            attack_fields(enrich_once(Finding.from_json(update.body), small_mapping())) for update in valid
        )
        if not any(ours == dict(list(fields.items())[:free]) for fields in candidates):
            yield f"annotated with fields of no update: {arn}"
    elif (
        discarded & {update.body for update in live} and finding["ArrivesAt"] < min(u.at for u in live) + 1500
    ):
        yield f"discarded though it arrived in time: {arn}"
