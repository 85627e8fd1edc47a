"""Measure the cold start of a built artifact, in ms and as a ratio to that of a minimal SNS publisher.

The time runs from the start of the process to its first request for an invocation, with Lambda's own runtime
interface client. Downloading and unpacking the artifact and starting the execution environment are not
included. The baseline, measured in the same run: a process of the same Python that only creates
`boto3.client("sns")` from this environment.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from moto.server import ThreadedMotoServer

from tests.artifact.deployment import Deployment, deploy
from tests.artifact.runtime import LambdaRuntime
from tests.template.stack import Stack

ROUTES = {"siem": "Siem", "notification": "Notification", "annotate": "SecurityHub", "import": "SecurityHub"}
BASELINE = 'import boto3; boto3.client("sns", region_name="eu-west-1")'


def measure_baseline(runs: int) -> float:
    """Return the median duration of the baseline process in seconds."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", BASELINE], check=True, env=dict(os.environ))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def measure_route(artifact: Path, deployment: Deployment, runs: int) -> tuple[float, float]:
    """Return a route's median init duration in seconds and its peak memory in MB."""
    seconds, peak = [], 0
    handler = Stack().globals["Handler"]
    for _ in range(runs):
        with (
            tempfile.TemporaryDirectory() as scratch,
            LambdaRuntime(artifact, handler, deployment.environment, Path(scratch)) as running,
        ):
            running.invoke({"Records": []})
            seconds.append(running.init_seconds)
            status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="utf-8")
            peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]))
    return statistics.median(seconds), peak / 1024


def main() -> None:
    """Print the baseline, then one line per route."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("artifact", type=Path, help="a built function, such as .aws-sam/build/SiemFunction")
    parser.add_argument(
        "--runs", type=int, default=11, help="number of starts of each; the median is printed"
    )
    options = parser.parse_args()
    if not (options.artifact / "enricher" / "bundle.json").is_file():
        parser.error(f"{options.artifact}: not a built function: run `sam build` (or `make build`) first")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    baseline = measure_baseline(options.runs)
    print(f"{'':<12}{'init ms':>9}{'ratio':>8}{'peak MB':>9}")
    print(f"{'baseline':<12}{baseline * 1000:>9.0f}{1:>8.2f}")
    for name, route in ROUTES.items():
        mode = {"SecurityHubRoute": name} if route == "SecurityHub" else {}
        deployment = deploy(f"http://{host}:{port}", route, name, **mode)
        seconds, peak = measure_route(options.artifact.resolve(), deployment, options.runs)
        print(f"{name:<12}{seconds * 1000:>9.0f}{seconds / baseline:>8.2f}{peak:>9.0f}")
    server.stop()


if __name__ == "__main__":
    main()
