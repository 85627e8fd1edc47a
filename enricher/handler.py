"""Be the Lambda function: take records in, hand enriched findings to the destination, answer for each one.

`handle` is the entry point. Everything that can be made once is made at import: Lambda gives a function a
full core during init and a fraction of one afterwards.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - the first connection imports it, and after init that is slow
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics

from enricher.delivery.pipeline import Route
from enricher.mapping.model import Mapping as AttackMapping
from enricher.settings import read_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: Left of the function's own time when the last call to a destination may end, in seconds: to answer and log.
RESERVE_SECONDS = 2.0

_mapping = AttackMapping.load()
_settings = read_settings(os.environ, _mapping.catalogue.versions)
_service = os.environ.get("POWERTOOLS_SERVICE_NAME", "guardduty-attack-enricher")
logger = Logger(service=_service)
metrics = Metrics(
    namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "GuardDutyAttackEnricher"),
    service=_service,
)
metrics.set_default_dimensions(route=_settings.route)
_route = Route.build(_settings, _mapping, logger, metrics)


@metrics.log_metrics(raise_on_empty_metrics=False)
def handle(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver an SQS batch or one bare EventBridge event.

    Give {"batchItemFailures": [{"itemIdentifier": message id}]} for a batch: the messages SQS must deliver
    again. Raise Undelivered for a bare event that was not delivered, so that Lambda retries it.
    """
    logger.append_keys(request_id=context.aws_request_id)

    def time_left() -> float:
        return context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    # An event of EventBridge has a detail, whatever else it has; a batch of SQS has Records and no more.
    if isinstance(event, dict) and isinstance(event.get("Records"), list) and "detail" not in event:
        return {
            "batchItemFailures": [{"itemIdentifier": key} for key in _route.run(event["Records"], time_left)]
        }
    _route.run_one(event, time_left)
    return {}
