"""Balance the books of a schedule: what went in against what came out, update by update."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from enricher.destinations.security_hub_annotate import FIELDS_LIMIT, product_arn
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats.asff import PREFIX, attack_fields
from tests.fault_injection.findings import ACCOUNT, REGION, Update, small_mapping
from tests.fault_injection.plant import Layout, Plant
from tests.fault_injection.queue import REDRIVEN

#: The kinds of facts of one update here: severity, technique, address, principal.
FACTS = 4


@dataclass(slots=True)
class Books:
    """Hold what became of the updates. A fault is a sentence about one finding; there must be none."""

    events: int = 0
    findings: int = 0
    delivered: int = 0
    duplicates: int = 0
    suppressed: int = 0
    dead: int = 0
    redriven: int = 0
    never_appeared: int = 0
    calls: int = 0
    invocations: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Books) -> None:
        """Add the figures and faults of another schedule."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def balance(
    plant: Plant, updates: list[Update], layout: Layout, *, in_order: bool = False, gentle: bool = False
) -> Books:
    """Count, and name every finding that the promises of docs/guarantees.md were broken for.

    in_order: no retry is long enough for one update of a finding to overtake another; gentle: the destination
    refuses nothing, so that nothing may be received in vain until it is redriven.
    """
    reasons = dict(plant.queue.dead)
    books = Books(
        events=len(updates),
        findings=len({update.arn for update in updates}),
        suppressed=plant.witness.counted["Suppressed"],
        dead=len(reasons),
        redriven=sum(reason == REDRIVEN for reason in reasons.values()),
        never_appeared=plant.witness.counted["NeverAppeared"],
        invocations=plant.invocations,
    )
    books.faults += [f"never finished: {body[:80]}" for body in plant.queue.left]
    books.faults += [f"no reason: {body[:80]}" for body, reason in reasons.items() if not reason]
    if plant.weather.overran:
        books.faults.append(f"killed by its own time limit: {plant.weather.overran} invocations")
    if gentle and books.redriven:
        books.faults.append(f"redriven though nothing was refused: {books.redriven}")
    for update in updates:
        if not update.updated_at and update.body not in reasons:
            books.faults.append(f"poison vanished: {update.body[:80]}")
    good = [update for update in updates if update.updated_at]
    live = [update for update in good if update.body not in reasons]
    if layout.route == "sns":
        _balance_topic(plant, good, live, layout, books)
        if in_order and layout.mode == "material":
            books.faults += _check_reopened(plant, good)
    else:
        _balance_hub(plant, good, live, layout, books)
    return books


def _balance_topic(
    plant: Plant, good: list[Update], live: list[Update], layout: Layout, books: Books
) -> None:
    published = Counter(plant.topic.published)
    books.delivered, books.calls = len(plant.topic.published), plant.topic.calls
    books.duplicates = sum(count - 1 for count in published.values())
    if unknown := published.keys() - {update.dedup_id for update in good}:
        books.faults.append(f"published what was never sent: {unknown}")
    if layout.has_table:
        books.faults += _check_copies(plant, good, published)
    if layout.mode == "every" or not layout.has_table:
        owed = live
    else:
        owed = [update for update in live if not update.arn]
        books.faults += _check_findings(plant, good, live, layout.mode)
    books.faults += [
        f"lost: {update.arn} {update.updated_at}" for update in owed if not published[update.dedup_id]
    ]


def _check_copies(plant: Plant, good: list[Update], published: Counter[str]) -> Iterator[str]:
    """Check that each delivery of an update beyond its first follows from a fault that hid the first."""
    allowed = plant.license + Counter(plant.topic.lost)
    for update in good:
        if update.arn and published[update.dedup_id] > 1 + allowed[update.dedup_id]:
            yield f"published {published[update.dedup_id]} times: {update.arn} {update.updated_at}"


def _check_reopened(plant: Plant, good: list[Update]) -> Iterator[str]:
    """Check that each finding that was archived and is active again was told, faults of its own aside."""
    dead = {body for body, _ in plant.queue.dead}
    published = set(plant.topic.published)
    by_arn: dict[str, list[Update]] = defaultdict(list)
    for update in good:
        by_arn[update.arn].append(update)
    for arn, some in by_arn.items():
        if not arn or plant.license[arn] or dead & {update.body for update in some}:
            continue
        for before, after in pairwise(sorted(some, key=lambda update: update.at)):
            if before.archived and not after.archived and after.dedup_id not in published:
                yield f"un-archived and not told: {arn} {after.updated_at}"


def _check_findings(plant: Plant, good: list[Update], live: list[Update], mode: str) -> Iterator[str]:
    """Check, finding by finding, what the modes first and material held back."""
    by_id = {update.dedup_id: update for update in good}
    by_arn: dict[str, list[Update]] = defaultdict(list)
    told: dict[str, list[Update]] = defaultdict(list)
    for update in live:
        by_arn[update.arn].append(update)
    for key in plant.topic.published:
        told[by_id[key].arn].append(by_id[key])
    lost = Counter(by_id[key].arn for key in plant.topic.lost)
    for arn, some in by_arn.items():
        if arn:
            yield from _check_finding(arn, some, told[arn], mode, plant.license[arn] + lost[arn])


def _check_finding(
    arn: str, live: list[Update], told: list[Update], mode: str, allowed: int
) -> Iterator[str]:
    """Check one finding whose updates are held back by the mode first or material."""
    if not told:
        yield f"never told: {arn}"
        return
    if mode == "first":
        if len(told) > 1 + allowed:
            yield f"told {len(told)} times, first only: {arn}"
        return
    missing = {fact for update in live for fact in update.facts} - {
        fact for update in told for fact in update.facts
    }
    if missing:
        yield f"never told of {missing}: {arn}"
    if max(update.rank for update in live) > max(update.rank for update in told):
        yield f"never told of the highest severity: {arn}"
    needed = _count_news(live, told)
    # A mark that was not written can make news again of each thing it would have held.
    if len(told) > needed + allowed * FACTS:
        yield f"told {len(told)} times, {needed} had news: {arn}"


def _count_news(live: list[Update], told: list[Update]) -> int:
    """Count the deliveries that told something which those before them had not."""
    news, facts, rank, last = 0, set[str](), -1, ""
    for update in told:
        reopened = not update.archived and any(
            other.archived and other.updated_at < update.updated_at for other in live
        )
        if update.facts - facts or update.rank > rank or reopened:
            news += 1
        facts |= update.facts
        if update.updated_at > last:
            rank, last = update.rank, update.updated_at
    return news


def _balance_hub(plant: Plant, good: list[Update], live: list[Update], layout: Layout, books: Books) -> None:
    client, hub = plant.hub_client, plant.hub
    books.calls = client.looks + client.updates + client.imports
    never = {plant.queue.body_of(key) for key in plant.witness.let_go}
    by_arn: dict[str, list[Update]] = defaultdict(list)
    all_by_arn: dict[str, list[Update]] = defaultdict(list)
    for update in live:
        by_arn[update.arn].append(update)
    for update in good:
        all_by_arn[update.arn].append(update)
    for arn, some in by_arn.items():
        if layout.route == "annotate":
            books.faults += _check_annotated(plant, all_by_arn[arn], some, never, books)
            continue
        key = (arn, f"arn:aws:securityhub:{REGION}:{ACCOUNT}:product/{ACCOUNT}/default")
        if key not in hub.findings:
            books.faults.append(f"never imported: {arn}")
        else:
            books.delivered += 1


def _check_annotated(
    plant: Plant, good: list[Update], live: list[Update], never: set[str], books: Books
) -> Iterator[str]:
    arn = good[0].arn
    key = (arn, product_arn("aws", REGION))
    finding = plant.hub.findings[key]
    fields = finding.get("UserDefinedFields", {})
    if {name: value for name, value in fields.items() if not name.startswith(PREFIX)} != finding["Before"]:
        yield f"somebody else's fields were touched: {arn}"
    ours = {name: value for name, value in fields.items() if name.startswith(PREFIX)}
    owed = [update for update in live if not update.archived and update.body not in never]
    if plant.hub.visible(key) and not ours and owed:
        yield f"never annotated: {arn}"
    if ours:
        books.delivered += 1
        room = FIELDS_LIMIT - len(finding["Before"])
        # A dead one too: its call may have been done before its answer was lost, for the last time.
        said = [attack_fields(enrich(Finding.from_json(update.body), small_mapping())) for update in good]
        if ours not in [dict(list(fields.items())[:room]) for fields in said]:
            yield f"annotated with what no update says: {arn}"
    elif never & {update.body for update in live} and finding["AppearsAt"] < min(u.at for u in live) + 1500:
        yield f"given up though it appeared in time: {arn}"
