"""Test with a real client and a loopback server what happens when an answer is not AWS's, or lies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from enricher.delivery.source_queue import SourceQueue
from enricher.destinations import timeouts
from enricher.destinations.base import TIMEOUTS, Delivery, Remedy
from enricher.destinations.batching import InvalidAnswer
from enricher.destinations.security_hub import RegionalClients
from enricher.destinations.security_hub_annotate import AnnotateDestination
from enricher.destinations.security_hub_import import ImportDestination
from enricher.destinations.sns import SnsDestination
from enricher.destinations.timeouts import Timeouts
from enricher.enrichment.enrich import enrich
from enricher.finding.event import Finding
from enricher.formats import load_format
from enricher.mapping.model import AttackMapping
from tests import examples
from tests.destinations.test_security_hub_annotate import ACCOUNT, PRODUCT
from tests.destinations.test_security_hub_annotate import delivery as hub_delivery
from tests.loopback import BLOCK_PAGE, PLAIN_503, Answer, Server, serve

QUICK = Timeouts(connect=1, read=1, attempts=1)


def plenty() -> float:
    """Return ample time left, in seconds."""
    return 900.0


def sns(server: Server, config: Timeouts = QUICK) -> SnsDestination:
    """Return the SNS destination with the server as SNS."""
    client = server.client("sns", config.config())
    return SnsDestination(
        client, "arn:aws:sns:eu-west-1:111122223333:t", load_format("guardduty"), 262_144, 20
    )


def deliveries(mapping: AttackMapping, count: int) -> list[Delivery]:
    """Return so many deliveries of an example event."""
    enriched = enrich(Finding.from_event(examples.event("ec2-portscan")), mapping)
    return [Delivery(f"m{number}", enriched) for number in range(count)]


def published(*ids: int) -> Answer:
    """Return an answer of PublishBatch that lists these entries as successful."""
    members = "".join(f"<member><Id>{key}</Id><MessageId>m</MessageId></member>" for key in ids)
    result = f"<PublishBatchResult><Successful>{members}</Successful><Failed/></PublishBatchResult>"
    return Answer(
        200,
        f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{result}'
        "</PublishBatchResponse>".encode(),
        {"Content-Type": "text/xml"},
    )


@pytest.mark.parametrize("answer", [BLOCK_PAGE, PLAIN_503], ids=["block page", "plain 503"])
def test_sns_answer_that_is_not_of_aws_fails_only_its_call(answer: Answer, mapping: AttackMapping) -> None:
    """A page of a proxy or a plain-text 503 must fail only the call that it answers, for retry."""
    with serve(published(*range(10)), answer) as server:
        failures = sns(server).deliver(deliveries(mapping, 12), plenty)
    assert {"m10": Remedy.RETRY, "m11": Remedy.RETRY} == {
        key: failure.remedy for key, failure in failures.items()
    }


def test_sns_answer_without_an_entry_fails_it(mapping: AttackMapping) -> None:
    """An entry that SNS's answer does not name must be retried."""
    with serve(published(0, 2)) as server:
        assert ["m1"] == list(sns(server).deliver(deliveries(mapping, 3), plenty))


def hub_target(server: Server, name: str) -> Any:
    """Return a Security Hub destination with the server as Security Hub."""
    clients = RegionalClients(lambda _: server.client("securityhub", QUICK.config()))
    return AnnotateDestination(clients, 20) if name == "annotate" else ImportDestination(clients, ACCOUNT, 20)


@pytest.mark.parametrize("name", ["annotate", "import"])
def test_block_page_of_security_hub_is_retried(name: str) -> None:
    """A proxy's page must be neither an import nor an absent finding: it must be retried."""
    with serve(BLOCK_PAGE) as server:
        failures = hub_target(server, name).deliver([hub_delivery(1), hub_delivery(2)], plenty)
    assert ["m1", "m2"] == sorted(failures)
    assert {(Remedy.RETRY, "", None)} == {
        (failure.remedy, failure.metric, failure.wait) for failure in failures.values()
    }
    assert "not one of the service" in failures["m1"].reason


@pytest.mark.parametrize(
    "counts",
    [
        {"SuccessCount": 1, "FailedCount": 0},
        {"SuccessCount": 1, "FailedCount": 1},
        {"SuccessCount": 0, "FailedCount": 0},
    ],
)
def test_import_whose_counts_do_not_add_up_is_retried(counts: dict[str, int]) -> None:
    """Findings that BatchImportFindings neither counts as imported nor names as failed must be retried."""
    with serve(Answer(200, json.dumps({**counts, "FailedFindings": []}).encode())) as server:
        failures = hub_target(server, "import").deliver([hub_delivery(1), hub_delivery(2)], plenty)
    assert {"m1": Remedy.RETRY, "m2": Remedy.RETRY} == {
        key: failure.remedy for key, failure in failures.items()
    }


def test_each_failed_finding_of_an_import_has_its_failure() -> None:
    """Each finding that BatchImportFindings names as failed must fail, also without a message."""
    items = [delivery.enriched.finding.arn for delivery in (hub_delivery(1), hub_delivery(2))]
    codes = ("InvalidInput", "InternalFailure")
    failed = [{"Id": arn, "ErrorCode": code} for arn, code in zip(items, codes, strict=True)]
    body = {"SuccessCount": 1, "FailedCount": 2, "FailedFindings": failed}
    with serve(Answer(200, json.dumps(body).encode())) as server:
        failures = hub_target(server, "import").deliver([hub_delivery(key) for key in (1, 2, 3)], plenty)
    assert {"m1": Remedy.DEAD_LETTER, "m2": Remedy.RETRY} == {
        key: failure.remedy for key, failure in failures.items()
    }
    assert ["BatchImportFindings: InvalidInput:", "BatchImportFindings: InternalFailure:"] == [
        failure.reason.strip() for failure in failures.values()
    ]


def test_finding_on_a_second_page_is_annotated() -> None:
    """GetFindings must be asked for the page that its token names, and what it holds be updated."""
    found = hub_delivery(1).enriched.finding.arn
    row = {"Id": found, "ProductArn": PRODUCT}
    pages: list[dict[str, Any]] = [
        {"Findings": [], "NextToken": "second"},
        {"Findings": [row]},
        {"ProcessedFindings": [row], "UnprocessedFindings": []},
    ]
    with serve(*(Answer(200, json.dumps(page).encode()) for page in pages)) as server:
        assert {} == hub_target(server, "annotate").deliver([hub_delivery(1)], plenty)
    first, second, update = (json.loads(body) for _, body in server.requests)
    assert (None, "second") == (first.get("NextToken"), second["NextToken"])
    assert [row] == update["FindingIdentifiers"]


def test_block_page_of_sqs_does_not_confirm_the_dead_letter() -> None:
    """Without a MessageId the dead-letter queue does not have the message, so it must not be acknowledged."""
    with serve(BLOCK_PAGE) as server:
        queue = SourceQueue(server.client("sqs", QUICK.config()), f"{server.url}/q", f"{server.url}/dead")
        with pytest.raises(InvalidAnswer, match="MessageId"):
            queue.move_to_dead_letter_queue({"body": "x", "messageId": "m"}, "why")


def test_retry_after_is_within_the_time_of_a_call(mapping: AttackMapping) -> None:
    """The wait that an answer asks for must be bounded as the time budget of a call counts it."""
    throttle = Answer(
        400,
        b"<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>",
        {"x-amz-retry-after": "60000"},
    )
    with serve(throttle, published(0)) as server:
        assert {} == sns(server, Timeouts(connect=1, read=1)).deliver(deliveries(mapping, 1), plenty)
    first, second = server.at
    assert 5 <= second - first <= timeouts.RETRY_WAIT + 0.2
    assert TIMEOUTS.seconds == 2 * (TIMEOUTS.connect + TIMEOUTS.read) + timeouts.RETRY_WAIT
