"""Simulate a storm of findings: when each route has drained, what throttles first, and what to turn.

    python -m bench.storm [--findings 100000] [--seconds 60] [--region eu-west-1] [--kinds 5]

Batch sizes, windows, concurrency and timeouts are read from template.yaml, the requests of a batch recorded
from the route itself, AWS's rates read from bench/quotas.toml, prices from bench/prices.toml.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from bench.prices import PRICES, cost_of, usage_of
from bench.storm_model import QUOTAS, Cost, Outcome, RouteModel, simulate

#: What is simulated together: the routes share the account's rates; the hub's two modes exclude each other.
TOGETHER = (("siem", "notification", "annotate"), ("import",))


def run(arguments: argparse.Namespace, concurrency: int = 1, memory: int = 0) -> dict[str, Outcome]:
    """Return the outcomes with the template's numbers changed: a factor of MaximumConcurrency, MemorySize."""
    times = [number * arguments.seconds / arguments.findings for number in range(arguments.findings)]
    cost = Cost(record=arguments.record_ms / 1000, request=arguments.request_ms / 1000)
    found: dict[str, Outcome] = {}
    for names in TOGETHER:
        models = [
            replace(model, concurrency=model.concurrency * concurrency, memory=memory or model.memory)
            for model in map(RouteModel.of, names)
        ]
        found |= simulate(models, times, arguments.region, cost, arguments.kinds)
    return found


def duration(seconds: float) -> str:
    """Return a duration in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def limit_of(outcome: Outcome, model: RouteModel) -> str:
    """Return what limits a route: the first rate that throttled it, else its concurrency if always used."""
    if outcome.first_throttled:
        first = min(outcome.first_throttled, key=outcome.first_throttled.__getitem__)
        return f"{first}, first after {duration(outcome.first_throttled[first])}"
    busy = outcome.billed / max(model.concurrency * (outcome.last - model.delay), 1)
    return f"MaximumConcurrency {model.concurrency}, {min(busy, 1):.0%} used"


def print_routes(outcomes: dict[str, Outcome]) -> None:
    """Print a line for each route, then the requests and the cost."""
    print(f"{'route':<14}{'drained':>8}{'delivered':>11}{'dead-lettered':>15}{'throttled':>11}  limited by")
    for name, outcome in outcomes.items():
        cells = f"{duration(outcome.last):>8}{outcome.delivered:>11}{outcome.dead_lettered:>15}"
        throttled = sum(outcome.throttled.values())
        print(f"{name:<14}{cells}{throttled:>11}  {limit_of(outcome, RouteModel.of(name))}")
    print(
        f"\n{'route':<14}{'invocations':>12}{'SQS':>9}{'DynamoDB':>10}{'SNS':>8}"
        f"{'Security Hub':>14}{'USD':>8}"
    )
    for name, outcome in outcomes.items():
        requests = outcome.requests
        table = requests["put_item"] + requests["batch_get_item"] + requests["batch_write_item"]
        hub = requests["get_findings"] + requests["batch_update_findings"] + requests["batch_import_findings"]
        print(
            f"{name:<14}{outcome.invocations:>12}{requests['sqs']:>9}{table:>10}{requests['publish_batch']:>8}"
            f"{hub:>14}{cost_of(usage_of(outcome, RouteModel.of(name))):>8.2f}"
        )
    for name, outcome in outcomes.items():
        if outcome.unprotected:
            print(
                f"{name}: {outcome.unprotected} findings sent without deduplication, as the table throttled"
            )


def print_variants(arguments: argparse.Namespace, base: dict[str, Outcome]) -> None:
    """Print when each route has drained with the numbers to turn turned."""
    print(f"\n{'drained with':<46}" + "".join(f"{name:>14}" for name in base))
    variants = {
        "the template as it is": base,
        "MaximumConcurrency x 4": run(arguments, 4),
        "MemorySize 1024": run(arguments, 1, 1024),
        "MaximumConcurrency x 4 and MemorySize 1024": run(arguments, 4, 1024),
    }
    for label, outcomes in variants.items():
        print(f"{label:<46}" + "".join(f"{duration(outcome.last):>14}" for outcome in outcomes.values()))


def main() -> None:
    """Read the options and print the simulation."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__)
    parser.add_argument("--findings", type=int, default=100_000, help="new findings (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=60, help="in which they occur (default: %(default)s)"
    )
    parser.add_argument("--region", default="eu-west-1", help="whose rates apply (default: %(default)s)")
    parser.add_argument("--kinds", type=int, default=5, help="different findings (default: %(default)s)")
    cost = Cost()
    parser.add_argument(
        "--record-ms", type=float, default=cost.record * 1000, help="CPU of a record (default: %(default)s)"
    )
    parser.add_argument(
        "--request-ms",
        type=float,
        default=cost.request * 1000,
        help="CPU of a request (default: %(default)s)",
    )
    arguments = parser.parse_args()
    print(f"{arguments.findings} findings in {arguments.seconds:g} s, {arguments.region}; minutes:seconds\n")
    outcomes = run(arguments)
    print_routes(outcomes)
    rate = QUOTAS["sns"]["emails"]
    print(
        f"\nSNS sends {rate} e-mails a second to a subscriber: "
        f"the last leaves after {duration(outcomes['notification'].delivered / rate)}"
    )
    print(f"prices of {PRICES['date']}, {PRICES['region']}")
    print_variants(arguments, outcomes)


if __name__ == "__main__":
    main()
