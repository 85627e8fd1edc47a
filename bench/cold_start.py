"""Measure the cold start of a built artifact: python -m bench.cold_start .aws-sam/build/SiemFunction [RUNS].

From the start of the process to its first request for work, run by Lambda's own runtime client. What Lambda
adds (fetching and unpacking the artifact, starting the machine) is not in it.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
from pathlib import Path

from moto.server import ThreadedMotoServer

from tests.artifact.deployment import deploy
from tests.artifact.runtime import LambdaRuntime
from tests.template.stack import Stack

ROUTES = {"siem": "Siem", "people": "People", "annotate": "SecurityHub", "import": "SecurityHub"}


def main(artifact: Path, runs: int) -> None:
    """Print the median of each route's init in milliseconds and its peak of memory in MB."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    print(f"{'route':<10}{'init ms':>9}{'peak MB':>9}")
    for name, route in ROUTES.items():
        mode = {"SecurityHubRoute": name} if route == "SecurityHub" else {}
        made = deploy(f"http://{host}:{port}", route, name, **mode)
        seconds, peak = [], 0
        for _ in range(runs):
            with (
                tempfile.TemporaryDirectory() as scratch,
                LambdaRuntime(
                    artifact, Stack().globals["Handler"], made.environment, Path(scratch)
                ) as running,
            ):
                running.invoke({"Records": []})
                seconds.append(running.init_seconds)
                status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="utf-8")
                peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]))
        print(f"{name:<10}{statistics.median(seconds) * 1000:>9.0f}{peak / 1024:>9.0f}")
    server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 11)
