"""The Lambda function: deliver the findings of an SQS batch and report the failed records to Lambda.

`handle` is the entry point. Everything that can be built once is built at import: Lambda gives a function a
full core during init and a fraction of one afterwards.
"""

# ruff: noqa: E402 - the collector is switched off before anything else is imported
from __future__ import annotations

import gc

# What init makes stays: collecting it is a tenth of init's time. `_build_route` is followed by gc.enable().
gc.disable()

import encodings.idna  # noqa: F401 - the first connection imports it, and after init that is slow
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from enricher.delivery.log_lines import ascii_text, log_line
from enricher.delivery.pipeline import Route
from enricher.destinations.tls import share_roots
from enricher.mapping.model import AttackMapping
from enricher.settings import read_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: Execution time kept free after the last call to a destination, in seconds: to log and return.
RESERVE_SECONDS = 2.0

_service = os.environ.get("POWERTOOLS_SERVICE_NAME", "guardduty-attack-enricher")
logger = Logger(service=_service, json_serializer=log_line)
metrics = Metrics(
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "GuardDutyAttackEnricher"),
    service=_service,
)


class InitError(RuntimeError):
    """The function cannot start; the message is ASCII and begins with the class of the error."""


def _build_route() -> Route:
    """Build the route; raise InitError in place of an error whose message is not ASCII.

    Lambda's runtime client (awslambdaric 4.2.2) does not report an error at init beyond Latin-1, and reports
    one beyond ASCII as invalid UTF-8: the function would fail without a reason.
    """
    try:
        mapping = AttackMapping.load()
        settings = read_settings(os.environ, mapping.catalogue.versions)
        share_roots()
        metrics.set_default_dimensions(route=settings.route)
        return Route.build(settings, mapping, logger, metrics)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        if message.isascii():
            raise
        raise InitError(ascii_text(message)) from None


_route = _build_route()
# The collector need not visit what was made until here again.
gc.freeze()
gc.enable()


@metrics.log_metrics(raise_on_empty_metrics=False)
def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver an SQS batch or a single EventBridge event.

    Return the partial batch response {"batchItemFailures": [{"itemIdentifier": message id}]} for a batch: the
    messages that SQS delivers again. For a single event return {}; raise MalformedEvent if it is not a
    GuardDuty finding and Undelivered if it was not delivered, so that Lambda retries the invocation.
    """
    logger.append_keys(request_id=context.aws_request_id)

    def time_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    # An EventBridge event always has `detail`; a batch of SQS or SNS has `Records` and nothing else.
    records = event.get("Records") if isinstance(event, dict) and "detail" not in event else None
    if isinstance(records, list) and not any(isinstance(it, dict) and "Sns" in it for it in records):
        return {"batchItemFailures": [{"itemIdentifier": key} for key in _route.run(records, time_left)]}
    for single in records if isinstance(records, list) else [event]:
        _route.run_one(single, time_left)
    return {}
