"""Publish enriched findings to an SNS topic, ten to a call, with attributes to filter on.

Limits: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html (ten entries, and the topic's size
limit for one message and for the sum); https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
(raw delivery to SQS discards a message with more than ten attributes; attributes count towards the size).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from enricher.destinations.base import PATIENCE, Failure, Parcel, Remedy, TimeLeft
from enricher.destinations.batching import cut_by_size
from enricher.enrichment.enrich import EnrichedFinding
from enricher.finding.safe_text import single_line
from enricher.formats import load_format
from enricher.formats.base import Render, TooLarge
from enricher.formats.json_text import utf8_size

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from enricher.settings import Settings

ENTRIES_PER_CALL = 10
SUBJECT_LIMIT = 99  # "less than 100 characters", no control characters
PEOPLE_FORMATS = frozenset({"text"})

Attributes = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Message:
    """Hold one entry of a PublishBatch call; `size` is what SNS counts, in bytes."""

    parcel: Parcel
    body: str
    attributes: Attributes
    size: int


@dataclass(frozen=True, slots=True)
class SnsDestination:
    """Publish to one topic in one format. limit: the topic's MaximumMessageSize in bytes."""

    client: SNSClient
    topic_arn: str
    render: Render
    limit: int
    call_seconds: float
    subject: bool = False

    def deliver(self, batch: Sequence[Parcel], time_left: TimeLeft) -> dict[str, Failure]:
        """Publish the batch; give the failures by parcel id."""
        failures: dict[str, Failure] = {}
        messages: list[Message] = []
        for parcel in batch:
            try:
                messages.append(self.pack(parcel))
            except TooLarge as error:
                failures[parcel.id] = Failure(str(error), Remedy.DEAD_LETTER)
            except Exception as error:
                # One finding that a format trips over must not hold back the others of its batch.
                failures[parcel.id] = Failure.unforeseen(error, Remedy.DEAD_LETTER)
        for group in cut_by_size(messages, ENTRIES_PER_CALL, self.limit, lambda message: message.size):
            if time_left() < self.call_seconds:
                late = Failure("not attempted: too little of the function's time was left")
                failures |= {message.parcel.id: late for message in group}
                continue
            failures |= self._publish(group)
        return failures

    def pack(self, parcel: Parcel) -> Message:
        """Render one parcel within the limit, attributes included; raise TooLarge if it cannot be."""
        attributes = attributes_of(parcel.enriched)
        overhead = attributes_size(attributes)
        body = self.render(parcel.enriched, self.limit - overhead)
        return Message(parcel, body, attributes, utf8_size(body) + overhead)

    def _publish(self, group: Sequence[Message]) -> dict[str, Failure]:
        entries = [self._entry(str(place), message) for place, message in enumerate(group)]
        try:
            answer = self.client.publish_batch(TopicArn=self.topic_arn, PublishBatchRequestEntries=entries)
        except ParamValidationError as error:
            # Its words quote the parameters, which are the findings.
            return {message.parcel.id: Failure.unforeseen(error) for message in group}
        except (BotoCoreError, ClientError) as error:
            return {message.parcel.id: Failure(f"PublishBatch: {error}") for message in group}
        return {
            group[int(failed["Id"])].parcel.id: Failure(
                f"PublishBatch: {failed['Code']}: {failed.get('Message', '')}"
            )
            for failed in answer.get("Failed", [])
        }

    def _entry(self, entry_id: str, message: Message) -> Any:
        entry = {"Id": entry_id, "Message": message.body, "MessageAttributes": message.attributes}
        if self.subject:
            entry["Subject"] = subject_line(message.parcel.enriched)
        return entry


def subject_line(enriched: EnrichedFinding) -> str:
    """Give the headline as an e-mail subject: ASCII, one line, under 100 characters."""
    line = single_line(enriched.alert["headline"].replace(" · ", " | "), 4 * SUBJECT_LIMIT)
    plain = line.encode("ascii", "replace").decode("ascii")
    return plain if len(plain) <= SUBJECT_LIMIT else plain[: SUBJECT_LIMIT - 3] + "..."


def attributes_of(enriched: EnrichedFinding) -> Attributes:
    """Give the nine attributes that filter policies match on; one that has no value is left out.

    tactics holds ids and names, techniques holds ids: those of the entry, its parent, and both as the
    other ATT&CK release has them, so that a filter on any of them works.
    """
    finding, attack, alert = enriched.finding, enriched.attack, enriched.alert
    severity = finding.number("severity")
    texts = {
        "finding_type": single_line(finding.type, 256),
        "severity_label": alert["severity"],
        "account_id": single_line(finding.account),
        "region": single_line(finding.region),
        "status": attack["status"],
        "occurrence": alert["occurrence"],
    }
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in texts.items() if value}
    if severity is not None:
        attributes["severity"] = {"DataType": "Number", "StringValue": f"{severity:g}"}
    for key, values in (("tactics", _tactic_names(attack)), ("techniques", _technique_ids(attack))):
        if values:
            attributes[key] = {"DataType": "String.Array", "StringValue": json.dumps(values)}
    return attributes


def _tactic_names(attack: Mapping[str, Any]) -> list[str]:
    others = [
        row[key]["tactic"] for row in attack["techniques"] for key in ("formerly", "since") if key in row
    ]
    names = [name for tactic in (*attack["tactics"], *others) for name in (tactic["id"], tactic["name"])]
    return list(dict.fromkeys(names))


def _technique_ids(attack: Mapping[str, Any]) -> list[str]:
    ids = []
    for row in attack["techniques"]:
        ids += [row["id"]]
        ids += [row[key]["id"] for key in ("formerly", "since") if key in row]
    parents = [technique_id.partition(".")[0] for technique_id in ids]
    return list(dict.fromkeys((*ids, *parents)))


def attributes_size(attributes: Attributes) -> int:
    """Count the bytes that SNS counts for attributes: name, type and value of each."""
    return sum(
        utf8_size(name) + utf8_size(value["DataType"]) + utf8_size(value["StringValue"])
        for name, value in attributes.items()
    )


def build(settings: Settings) -> SnsDestination:
    """Make the destination and its client from the settings."""
    import boto3

    return SnsDestination(
        client=boto3.client("sns", config=PATIENCE.config()),
        topic_arn=settings.topic_arn,
        render=load_format(settings.format),
        limit=settings.message_limit,
        call_seconds=PATIENCE.seconds,
        subject=settings.format in PEOPLE_FORMATS,
    )
