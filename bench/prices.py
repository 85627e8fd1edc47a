"""AWS's list prices, and what a route's findings cost at them."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from bench.storm_model import Outcome, RouteModel

PRICES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "prices.toml").read_text(encoding="utf-8"))
#: Bytes of logs: of a record ("forwarded"), and of an invocation (its metrics, and Lambda's own START, END
#: and REPORT); measured with the handler's standard output.
_LOG_RECORD, _LOG_INVOCATION = 440, 650
#: Months that logs and items are kept, as LogRetentionDays and the items' time to live are 90 days.
MONTHS_KEPT = 3
_GIGABYTE = 1e9
#: Quantities by the name of their price, SECTION.KEY in prices.toml.
Usage = Counter[str]


def usage_of(outcome: Outcome, model: RouteModel) -> Usage:
    """Return what AWS bills for the findings of an outcome; what is stored, until it expires."""
    logs = (_LOG_RECORD * outcome.delivered + _LOG_INVOCATION * outcome.invocations) / _GIGABYTE
    return Counter(
        {
            "sqs.request": outcome.requests["sqs"],
            "lambda.request": outcome.invocations,
            "lambda.gigabyte_second": outcome.billed * model.memory / 1024,
            "dynamodb.write": outcome.requests["dynamodb write"],
            "dynamodb.read": outcome.requests["dynamodb read"],
            "dynamodb.gigabyte_month": outcome.stored / _GIGABYTE * MONTHS_KEPT,
            "sns.request": outcome.requests["sns"],
            "cloudwatch.log_gigabyte": logs,
            "cloudwatch.log_gigabyte_month": logs * MONTHS_KEPT,
        }
    )


def price(name: str) -> float:
    """Return the price of one unit."""
    section, key = name.split(".")
    return float(PRICES[section][key])


def cost_of(usage: Usage, *names: str) -> float:
    """Return the cost of the named parts of a usage, of all of it without names."""
    return sum(quantity * price(name) for name, quantity in usage.items() if not names or name in names)


def free_of(usage: Usage) -> float:
    """Return what the free allowances of an account, used by nothing else, take off the cost."""
    free: dict[str, float] = PRICES["free"]
    return sum(min(usage[name], quantity) * price(name) for name, quantity in free.items())
