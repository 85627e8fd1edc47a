"""Keep repeats quiet: deliver an update of a finding once, and only if the mode of the route wants it.

Two items in the table stand behind it, each with a key hashed by Powertools Idempotency:

- the update (ARN and updatedAt): claimed before the delivery, done after it. It absorbs redelivery, and keeps
  two invocations that hold the same message from both publishing it.
- the finding (ARN): what was told of it so far, so that the next update can be compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

from enricher.destinations.base import Destination, Failure, Parcel, Remedy, TimeLeft
from enricher.enrichment.finding_state import Picture, material_changes, merge_pictures, note_archived

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from enricher.delivery.dedup_store import RepeatsTable
    from enricher.settings import Settings

#: Kept free of the destination's time for the marks that follow the delivery, in seconds.
MARK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Claim:
    """Hold a parcel that may be delivered; key: the item to mark, told: what to remember then."""

    parcel: Parcel
    key: dict[str, str] | None = None
    told: Picture | None = None


@dataclass(frozen=True, slots=True)
class QuietRepeats:
    """Stand before a destination and hold back what the mode (material, every, first) does not want again.

    open_table: gives the table for one batch, told the time left.
    """

    destination: Destination
    open_table: Callable[[TimeLeft], RepeatsTable]
    mode: str
    logger: Logger
    metrics: Metrics

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> dict[str, Failure]:
        """Deliver what is no repeat; give the failures by parcel id, repeats with the remedy SKIP.

        Without a table, for any reason, everything is delivered: noise beats silence.
        """
        table = self.open_table(time_left)
        failures: dict[str, Failure] = {}
        rest = list(batch)
        while rest:
            # One update of a finding at a time: whether the next is a repeat hangs on how this one fares.
            wave, rest = (rest, []) if table.fault else split_wave(rest, one_update=self.mode == "every")
            failures |= self._deliver_wave(wave, table, time_left)
        if table.fault:
            self.logger.error(
                "repeats table not usable, findings forwarded without it", extra={"reason": table.fault}
            )
            self.metrics.add_metric(name="RepeatsTableUnusable", unit=MetricUnit.Count, value=1)
        return failures

    def _deliver_wave(
        self, wave: Sequence[Parcel], table: RepeatsTable, time_left: TimeLeft
    ) -> dict[str, Failure]:
        verdicts = [self._judge(parcel, table) for parcel in wave]
        held = {
            parcel.id: verdict
            for parcel, verdict in zip(wave, verdicts, strict=True)
            if isinstance(verdict, Failure)
        }
        claims = [verdict for verdict in verdicts if isinstance(verdict, Claim)]
        if not claims:
            return held
        failed = self._hand_over([claim.parcel for claim in claims], lambda: time_left() - MARK_SECONDS)
        # Marks before releases: a claim that is not released runs out, a mark that is missing costs a repeat.
        for claim in claims:
            if claim.key is not None and claim.parcel.id not in failed:
                self._remember(claim, claim.key, table)
        for claim in claims:
            if claim.key is not None and claim.parcel.id in failed:
                table.release(claim.key)
        return {**held, **failed}

    def _hand_over(self, parcels: Sequence[Parcel], time_left: TimeLeft) -> Mapping[str, Failure]:
        try:
            return self.destination.deliver(parcels, time_left)
        except Exception as error:
            return {parcel.id: Failure.unforeseen(error) for parcel in parcels}

    def _judge(self, parcel: Parcel, table: RepeatsTable) -> Claim | Failure:
        finding = parcel.enriched.finding
        if not finding.arn or not finding.updated_at:
            return Claim(parcel)
        about, update = keys_of(parcel)
        told = None if self.mode == "every" else Picture.of(parcel.enriched)
        if self.mode == "material" and told and (before := Picture.from_json(table.read(about))):
            if not material_changes(before, told):
                return self._hold_back(before, told, about, table)
            told = merge_pictures(before, told)
        key = about if self.mode == "first" else update
        match table.claim(key):
            case "claimed":
                return Claim(parcel, key, told)
            case "done":
                return repeat_of("already forwarded")
            case "in-progress":
                return Failure("being forwarded by another invocation")
            case _:
                return Claim(parcel)

    def _hold_back(
        self, before: Picture, now: Picture, about: dict[str, str], table: RepeatsTable
    ) -> Failure:
        """Give the failure of a parcel that tells nothing new, and note what must not be forgotten."""
        noted = note_archived(before, now)
        if noted != before and not table.finish(about, noted.as_json()):
            return Failure("archived, which could not be noted")
        return repeat_of("nothing new since it was last forwarded")

    def _remember(self, claim: Claim, key: dict[str, str], table: RepeatsTable) -> None:
        """Mark a delivered parcel: what it told first, so that a crash in between is no news either."""
        told = claim.told.as_json() if claim.told else {}
        if self.mode == "material":
            table.finish(keys_of(claim.parcel)[0], told)
        table.finish(key, {} if self.mode == "material" else told)


def keys_of(parcel: Parcel) -> tuple[dict[str, str], dict[str, str]]:
    """Give the key of the finding and the key of this update of it."""
    finding = parcel.enriched.finding
    return {"arn": finding.arn}, {"arn": finding.arn, "updatedAt": finding.updated_at}


def repeat_of(reason: str) -> Failure:
    """Give the failure of a parcel that is meant to be held back."""
    return Failure(reason, Remedy.SKIP, metric="Suppressed")


def split_wave(parcels: Sequence[Parcel], *, one_update: bool) -> tuple[list[Parcel], list[Parcel]]:
    """Give one parcel of each finding (one_update: of each update of it), and the rest."""
    wave: dict[tuple[str, str], Parcel] = {}
    rest = []
    for parcel in parcels:
        finding = parcel.enriched.finding
        name = (finding.arn or parcel.id, finding.updated_at if one_update else "")
        if wave.setdefault(name, parcel) is not parcel:
            rest.append(parcel)
    return list(wave.values()), rest


def guard(destination: Destination, settings: Settings, logger: Logger, metrics: Metrics) -> Destination:
    """Put QuietRepeats before a destination where the settings name a table; else give it back as it is.

    Annotation never needs it: it reads what Security Hub says before it writes, and a second memory beside
    that could only disagree with it.
    """
    if not settings.repeats_table or settings.destination == "security-hub-annotate":
        return destination
    from enricher.delivery.dedup_store import build

    return QuietRepeats(destination, build(settings), settings.updates, logger, metrics)
