"""Measure the cold start of a built artifact, in ms and as a ratio to that of a minimal SNS publisher.

The time runs from the start of the process to its first request for an invocation, with Lambda's own runtime
interface client. Downloading and unpacking the artifact and starting the execution environment are not
included. The baseline: a process of the same Python, until it has created `boto3.client("sns")` from this
environment. Baseline and routes take turns, and the minimum of each is printed.
"""

from __future__ import annotations

import argparse
import logging
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
BASELINE = 'import boto3; boto3.client("sns", region_name="eu-west-1"); print("made", flush=True)'


def measure_baseline() -> float:
    """Return the seconds until the baseline process has its client."""
    start = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", BASELINE], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        return time.perf_counter() - start


def measure_route(artifact: Path, deployment: Deployment) -> tuple[float, float]:
    """Return the duration of one init of a route in seconds and its peak memory in MB."""
    handler = Stack().globals["Handler"]
    with (
        tempfile.TemporaryDirectory() as scratch,
        LambdaRuntime(artifact, handler, deployment.environment, Path(scratch)) as running,
    ):
        running.invoke({"Records": []})
        status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="utf-8")
        return running.init_seconds, int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Print the baseline, then one line per route."""
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__)
    parser.add_argument("artifact", type=Path, help="a built function, such as .aws-sam/build/SiemFunction")
    parser.add_argument(
        "--runs", type=int, default=11, help="number of starts of each; the minimum is printed"
    )
    options = parser.parse_args()
    if not (options.artifact / "enricher" / "bundle.json").is_file():
        parser.error(f"{options.artifact}: not a built function: run `sam build` (or `make build`) first")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    deployments = {}
    for name, route in ROUTES.items():
        mode = {"SecurityHubRoute": name} if route == "SecurityHub" else {}
        deployments[name] = deploy(f"http://{host}:{port}", route, name, **mode)
    seconds: dict[str, list[float]] = {"baseline": [], **{name: [] for name in ROUTES}}
    peaks = dict.fromkeys(ROUTES, 0.0)
    for _ in range(options.runs):
        seconds["baseline"].append(measure_baseline())
        for name, deployment in deployments.items():
            init, peak = measure_route(options.artifact.resolve(), deployment)
            seconds[name].append(init)
            peaks[name] = max(peaks[name], peak)
    baseline = min(seconds["baseline"])
    print(f"{'':<12}{'init ms':>9}{'ratio':>8}{'peak MB':>9}")
    for name, durations in seconds.items():
        shortest, memory = min(durations), f"{peaks[name]:.0f}" if name in peaks else ""
        print(f"{name:<12}{shortest * 1000:>9.0f}{shortest / baseline:>8.2f}{memory:>9}")
    server.stop()


if __name__ == "__main__":
    main()
