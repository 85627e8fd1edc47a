"""Publish enriched findings to an SNS topic, ten per call, with message attributes for filter policies.

Limits: https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html (ten entries, and the topic's size
limit for one message and for the sum); https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
(raw delivery to SQS discards a message with more than ten attributes; attributes count towards the size).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from enricher.destinations.base import TIMEOUTS, Delivery, Failure, Remedy, TimeLeft
from enricher.destinations.batching import batch_by_size, item_failure, make_call, time_check
from enricher.enrichment.attack_object import Attack, OtherNames
from enricher.enrichment.enrich import EnrichedFinding
from enricher.enrichment.headline import subject_line
from enricher.finding.safe_text import single_line
from enricher.formats import load_format
from enricher.formats.base import Render, TooLarge
from enricher.formats.json_text import utf8_size
from enricher.settings import FORMATS

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from enricher.settings import Settings

ENTRIES_PER_CALL = 10
#: A filter policy compares numbers from -10^9 to 10^9 with five digits after the decimal point.
#: https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
NUMBER_LIMIT, NUMBER_DIGITS = 10**9, 5
_PUBLISH = "PublishBatch"

Attributes = dict[str, dict[str, str]]


class Message(NamedTuple):
    """One entry of a PublishBatch call; size: as SNS counts it, in bytes, attributes included."""

    delivery: Delivery
    body: str
    attributes: Attributes
    size: int

    def fail(self, failure: Failure) -> dict[str, Failure]:
        """Return the failure of the delivery, by its id."""
        return {self.delivery.id: failure}


@dataclass(frozen=True, slots=True)
class SnsDestination:
    """Publishes to one topic in one format.

    limit: the topic's MaximumMessageSize in bytes; call_seconds: the longest time one call can take; subject:
    whether messages have a subject, for e-mail.
    """

    client: SNSClient
    topic_arn: str
    render: Render
    limit: int
    call_seconds: float
    subject: bool = False

    def deliver(self, batch: Sequence[Delivery], time_left: TimeLeft) -> dict[str, Failure]:
        """Publish the batch; return the failures by delivery id."""
        failures: dict[str, Failure] = {}
        messages: list[Message] = []
        for delivery in batch:
            try:
                messages.append(self.render_message(delivery))
            except TooLarge as error:
                failures[delivery.id] = Failure(str(error), Remedy.DEAD_LETTER)
            except Exception as error:
                # A finding that raises an unexpected error must not block the others of its batch.
                failures[delivery.id] = Failure.unexpected(error, Remedy.DEAD_LETTER)
        for group in batch_by_size(messages, ENTRIES_PER_CALL, self.limit, lambda message: message.size):
            failures |= make_call(group, self._publish, _PUBLISH, time_check(time_left, self.call_seconds))
        return failures

    def render_message(self, delivery: Delivery) -> Message:
        """Render a delivery within the size limit, attributes included; raise TooLarge if it does not fit."""
        attributes = attributes_of(delivery.enriched)
        overhead = attributes_size(attributes)
        body = self.render(delivery.enriched, self.limit - overhead)
        return Message(delivery, body, attributes, utf8_size(body) + overhead)

    def _publish(self, group: Sequence[Message]) -> dict[str, Failure]:
        entries = [self._entry(str(index), message) for index, message in enumerate(group)]
        response = self.client.publish_batch(TopicArn=self.topic_arn, PublishBatchRequestEntries=entries)
        published = {entry["Id"] for entry in response.get("Successful", [])}
        failed = {entry["Id"]: entry for entry in response.get("Failed", [])}
        failures: dict[str, Failure] = {}
        for index, message in enumerate(group):
            if entry := failed.get(str(index)):
                failures |= message.fail(entry_failure(entry))
            elif str(index) not in published:
                failures |= message.fail(Failure(f"{_PUBLISH}: not in the answer"))
        return failures

    def _entry(self, entry_id: str, message: Message) -> Any:
        entry = {"Id": entry_id, "Message": message.body, "MessageAttributes": message.attributes}
        if self.subject:
            entry["Subject"] = subject_of(message.delivery.enriched)
        return entry


def entry_failure(entry: Mapping[str, Any]) -> Failure:
    """Return the failure of an entry that SNS lists as failed.

    The sender's fault is not retryable, except for throttling by KMS, which SNS also calls the sender's.
    """
    code = str(entry.get("Code", ""))
    permanent = bool(entry.get("SenderFault")) and "Throttl" not in code
    return item_failure(_PUBLISH, code, str(entry.get("Message", "")), permanent=permanent)


def subject_of(enriched: EnrichedFinding) -> str:
    """Return the subject of a finding's e-mail."""
    return subject_line(enriched.finding, enriched.context, enriched.alert)


def attributes_of(enriched: EnrichedFinding) -> Attributes:
    """Return the up to ten message attributes for filter policies; those without a value are left out.

    tactics contains ids and names, techniques contains ids: of the technique, of its parent technique, and of
    both in the other ATT&CK version, so that a filter on any of them matches.
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
        "sample": "true" if alert["sample"] else "false",
    }
    attributes = {key: {"DataType": "String", "StringValue": value} for key, value in texts.items() if value}
    if severity is not None and abs(severity) <= NUMBER_LIMIT:
        attributes["severity"] = {"DataType": "Number", "StringValue": number_text(severity)}
    for key, values in (("tactics", _tactic_names(attack)), ("techniques", _technique_ids(attack))):
        if values:
            attributes[key] = {"DataType": "String.Array", "StringValue": json.dumps(values)}
    return attributes


def number_text(number: float) -> str:
    """Return a number as SNS compares it: without an exponent, at most five digits after the point."""
    # Adding zero makes -0.0 the number that it equals.
    return f"{round(number, NUMBER_DIGITS) + 0.0:.{NUMBER_DIGITS}f}".rstrip("0").rstrip(".")


def _tactic_names(attack: Attack) -> list[str]:
    others = [other["tactic"] for other in _other_releases(attack)]
    names = [name for tactic in (*attack["tactics"], *others) for name in (tactic["id"], tactic["name"])]
    return list(dict.fromkeys(filter(None, names)))


def _technique_ids(attack: Attack) -> list[str]:
    ids = [row["id"] for row in (*attack["techniques"], *_other_releases(attack)) if row["id"]]
    parents = [technique_id.partition(".")[0] for technique_id in ids]
    return list(dict.fromkeys((*ids, *parents)))


def _other_releases(attack: Attack) -> list[OtherNames]:
    return [row["formerly"] if "formerly" in row else row["currently"] for row in attack["techniques"]]


def attributes_size(attributes: Attributes) -> int:
    """Return the size of the attributes as SNS counts it, in bytes: name, type and value of each."""
    return sum(
        utf8_size(name) + utf8_size(value["DataType"]) + utf8_size(value["StringValue"])
        for name, value in attributes.items()
    )


def encode_once(params: dict[str, Any], **_: Any) -> None:
    """Encode the fields of a request; botocore would do it twice, to sign the request and to send it."""
    params["body"] = urlencode(params["body"], doseq=True).encode("ascii")


def build(settings: Settings) -> SnsDestination:
    """Create the destination and its client from the settings."""
    from enricher.destinations.clients import make_client

    # What would be invalid, SNS rejects: an entry of its answer, or the call, which is then split.
    client = make_client("sns", TIMEOUTS.config(validate=False))
    client.meta.events.register(f"before-call.sns.{_PUBLISH}", encode_once)
    return SnsDestination(
        client=client,
        topic_arn=settings.topic_arn,
        render=load_format(settings.format, settings.ocsf_version),
        limit=settings.message_limit,
        call_seconds=TIMEOUTS.seconds,
        subject=FORMATS[settings.format].is_email,
    )
