"""Invoke artifacts that `sam build` made with one event: python -m tests.artifact.smoke FOLDER...

All folders must contain the same artifact, as all routes share one code base.
"""

from __future__ import annotations

import filecmp
import json
import logging
import sys
import tempfile
from pathlib import Path

from moto.server import ThreadedMotoServer

from tests.artifact.deployment import batch, client, deploy
from tests.artifact.runtime import LambdaRuntime
from tests.examples import text_of
from tests.template.stack import Stack


def differences(first: Path, second: Path) -> list[str]:
    """Return the relative paths of the files that differ between two folders."""
    names = sorted(
        {path.relative_to(root).as_posix() for root in (first, second) for path in root.rglob("*")}
    )
    files = [name for name in names if not ((first / name).is_dir() and (second / name).is_dir())]
    same, _, _ = filecmp.cmpfiles(first, second, files, shallow=False)
    return sorted(set(files) - set(same))


def main(folders: list[Path]) -> None:
    """Compare the folders, run the first as Lambda does and print the headline that a subscriber gets."""
    for other in folders[1:]:
        if different := differences(folders[0], other):
            raise SystemExit(f"{other.name} differs from {folders[0].name}: {', '.join(different[:5])}")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    siem = deploy(f"http://{host}:{port}", "Siem", "siem")
    records = batch(client("sqs", siem.endpoint), siem.queue_url, [text_of("ec2-portscan")])
    with (
        tempfile.TemporaryDirectory() as scratch,
        LambdaRuntime(
            folders[0].resolve(), Stack().globals["Handler"], siem.environment, Path(scratch)
        ) as running,
    ):
        response = running.invoke(records)
        init = running.init_seconds
    messages = siem.received()
    server.stop()
    if response != {"batchItemFailures": []} or len(messages) != 1:
        raise SystemExit(f"expected one message and no failures, got {len(messages)} and {response}")
    headline = json.loads(messages[0]["Body"])["alert"]["headline"]
    print(f"{len(folders)} identical artifacts; init {init * 1000:.0f} ms; published: {headline}")


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
