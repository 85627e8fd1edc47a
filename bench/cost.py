"""Print what the stack costs a month, part by part, at a thousand, a million and a hundred million findings.

    python -m bench.cost [--write docs/scale.md]

All findings are new, so that each is sent, and occur at random moments: how many come in one batch follows
from simulating the route at that rate. List prices of bench/prices.toml.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from itertools import accumulate
from pathlib import Path

from bench.prices import PRICES, Usage, cost_of, free_of, price, usage_of
from bench.storm_model import Cost, RouteModel, simulate
from bench.table import write
from tests.template.stack import Stack

VOLUMES = (1_000, 1_000_000, 100_000_000)
DAY = 24 * 3600
MONTH = 30 * DAY
#: Findings that are simulated for one volume, and their lowest rate: below it each is a batch of its own.
_SAMPLE, _LOWEST_RATE = 5_000, 0.1
#: Lambda's pollers of a mapping with MaximumConcurrency, and the seconds of an empty long poll.
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_POLLERS, _LONG_POLL = 5, 20
#: An assumption, as Lambda documents no time: an idle function's environment is kept for so many seconds.
_KEPT_WARM = 600
#: Metrics that a route sends in a month without failures: Forwarded, FindingAge, Mapped, TacticOnly,
#: Unmapped, UnknownFindingType, DuplicateSuppressed.
_METRICS = 7
MARKERS = "<!-- cost:begin -->", "<!-- cost:end -->"
_PARTS = (
    ("SQS, requests of the findings", "sqs.request"),
    ("Lambda, requests", "lambda.request"),
    ("Lambda, GB-seconds", "lambda.gigabyte_second"),
    ("DynamoDB, writes (three a finding)", "dynamodb.write"),
    ("DynamoDB, reads (one a finding)", "dynamodb.read"),
    ("DynamoDB, storage for 90 days; deletes by age are free", "dynamodb.gigabyte_month"),
    ("SNS, publishing in chunks of 64 kB", "sns.request"),
    ("logs, written", "cloudwatch.log_gigabyte"),
    ("logs, kept for 90 days", "cloudwatch.log_gigabyte_month"),
)
_FIXED = (
    ("SQS, polling of empty queues", "sqs.request"),
    ("custom metrics", "cloudwatch.metric"),
    ("alarms", "cloudwatch.alarm"),
    ("dashboard", "cloudwatch.dashboard"),
)


def monthly_usage(destination: str, findings: int) -> Usage:
    """Return what a route's findings of a month use, at steady state."""
    rate, sample = findings / MONTH, min(findings, _SAMPLE)
    source = random.Random(0)
    gaps = (source.expovariate(max(rate, _LOWEST_RATE)) for _ in range(sample))
    model = RouteModel.of(destination)
    outcome = simulate([model], list(accumulate(gaps)), PRICES["region"])[destination]
    assert outcome.delivered == sample
    cold = outcome.invocations * math.exp(-rate * _KEPT_WARM)
    outcome.billed += cold * Cost().init
    usage = usage_of(outcome, model)
    return Counter({name: quantity * findings / sample for name, quantity in usage.items()})


def fixed_usage(**parameters: str) -> Usage:
    """Return what the stack with these parameters uses whether findings occur or not."""
    stack = Stack(**parameters)
    routes = len(stack.of_type("AWS::Serverless::Function").keys() & set(_ROUTES))
    alarms = sum(
        sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1
        for alarm in stack.of_type("AWS::CloudWatch::Alarm").values()
    )
    return Counter(
        {
            "sqs.request": routes * _POLLERS * MONTH // _LONG_POLL,
            "cloudwatch.metric": routes * _METRICS,
            "cloudwatch.alarm": alarms,
            "cloudwatch.dashboard": len(stack.of_type("AWS::CloudWatch::Dashboard")),
        }
    )


_ROUTES = ("SiemFunction", "NotificationFunction", "SecurityHubFunction")
#: Each further route with the parameter that switches it on.
_FURTHER = {
    "notification": {"NotificationRoute": "text"},
    "annotate": {"SecurityHubRoute": "annotate"},
    "import": {"SecurityHubRoute": "import"},
}


def table() -> list[str]:
    """Return the table in Markdown."""
    fixed, usages = fixed_usage(), [monthly_usage("siem", volume) for volume in VOLUMES]
    lines = [
        f"| USD a month, {PRICES['region']}, list prices of {PRICES['date']} | unit price |"
        + "".join(f" {volume:,} findings |" for volume in VOLUMES),
        "|---|---|" + "---:|" * len(VOLUMES),
    ]
    for label, name in _PARTS:
        lines.append(_row(label, _unit(name), [cost_of(usage, name) for usage in usages]))
    for label, name in _FIXED:
        lines.append(_row(label, _unit(name), [cost_of(fixed, name)] * len(VOLUMES)))
    totals = [fixed + usage for usage in usages]
    lines.append(_row("**SIEM route alone**", "", list(map(cost_of, totals)), "**"))
    less = [cost_of(total) - free_of(total) for total in totals]
    lines.append(_row("the same in an account that uses nothing else", "less free allowances", less))
    for name, parameter in _FURTHER.items():
        more = fixed_usage(**parameter) - fixed
        costs = [cost_of(more + monthly_usage(name, volume)) for volume in VOLUMES]
        [(key, value)] = parameter.items()
        lines.append(_row(f"and `{key}={value}`", "", costs))
    for label, name in (("HTTPS", "sns.https"), ("Firehose", "sns.firehose"), ("e-mail", "sns.email")):
        costs = [volume * price(name) for volume in VOLUMES]
        lines.append(_row(f"and an SNS subscriber by {label}", _unit(name), costs))
    lines.append(_row("and `KmsKeyArn`, one key", "1.00, requests 0.03 per 10,000", [price("kms.key")] * 3))
    return lines


def _unit(name: str) -> str:
    value = price(name)
    if name.endswith("gigabyte_second"):
        return f"{value:.10f}"
    return f"{value * 1e6:.3f} a million" if value < 0.001 else f"{value:.2f}"


def _row(label: str, unit: str, costs: list[float], mark: str = "") -> str:
    return f"| {label} | {unit} |" + "".join(f" {mark}{cost:,.2f}{mark} |" for cost in costs)


def main() -> None:
    """Print the table, or write it into a file."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="replace the table between its markers in FILE"
    )
    arguments = parser.parse_args()
    lines = table()
    if arguments.write:
        write(arguments.write, lines, MARKERS)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
