"""Run one event through artifacts that `sam build` made: python -m tests.artifact.smoke FOLDER...

All folders must hold the same artifact, since all routes are the same code.
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
    """Give the paths in which two folders differ."""
    names = sorted(
        {path.relative_to(root).as_posix() for root in (first, second) for path in root.rglob("*")}
    )
    files = [name for name in names if not ((first / name).is_dir() and (second / name).is_dir())]
    same, _, _ = filecmp.cmpfiles(first, second, files, shallow=False)
    return sorted(set(files) - set(same))


def main(folders: list[Path]) -> None:
    """Compare the folders, then run the first as Lambda would and show what a subscriber gets."""
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
        answer = running.invoke(records)
        init = running.init_seconds
    messages = siem.received()
    server.stop()
    if answer != {"batchItemFailures": []} or len(messages) != 1:
        raise SystemExit(f"expected one message and no failure, got {len(messages)} and {answer}")
    headline = json.loads(messages[0]["Body"])["alert"]["headline"]
    print(f"{len(folders)} equal artifacts; init {init * 1000:.0f} ms; published: {headline}")


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
