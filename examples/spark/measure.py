"""Measure the Spark job over a large input: what comes out, and its CPU beside that of the command line.

    python examples/spark/measure.py WHEEL [LINES] [CORES]

LINES (default: 1,000,000) are written to gzip files, one in a thousand of them damaged. The single process is
`enricher enrich` on a tenth of the files, as many at the same time as Spark has CORES (default: 2), since a
processor whose other half is busy is slower. The CPU is that of all processes, read from /proc: driver, JVM
and Python workers, Spark's start included. Linux only.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from itertools import cycle, islice
from pathlib import Path

import pyspark
from check import DAMAGED, ROOT, counts_of, open_spark, submit

#: Files for each core, of which the single process gets one.
FILES_PER_CORE = 10
_SAMPLE_SECONDS = 0.2


def write_lines(folder: Path, lines: int, files: int) -> None:
    """Write the example events as gzip files: each finding has its own id, one line in 1,000 is damaged."""
    paths = sorted((ROOT / "events").glob("*.json"))
    events = [json.loads(path.read_text("utf-8")) for path in paths]
    pairs = [
        (json.dumps(event) + "\n", event["detail"].get("id") or "no id")
        for event in events
        if event["detail-type"] == "GuardDuty Finding"
    ]
    number, source = 0, cycle(pairs)
    for file in range(files):
        with gzip.open(folder / f"{file:03d}.jsonl.gz", "wt", compresslevel=4, encoding="utf-8") as output:
            for line, known in islice(source, lines // files):
                number += 1
                if number % 1000:
                    output.write(line.replace(known, f"{number:032x}"))
                else:
                    output.write(DAMAGED[number // 1000 % len(DAMAGED)] + "\n")


class ProcessTree(threading.Thread):
    """Samples the CPU time of all descendants of this process.

    `os.wait4` does not see Spark's Python workers: their parent ignores SIGCHLD, and so nobody adds up what
    they used.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.ended, self._seconds = threading.Event(), dict[tuple[int, str, str], float]()

    def run(self) -> None:
        """Sample until `ended` is set."""
        tick = os.sysconf("SC_CLK_TCK")
        while not self.ended.wait(_SAMPLE_SECONDS):
            rows = {}
            for path in Path("/proc").glob("[0-9]*/stat"):
                try:
                    # proc(5): the name in brackets, then the fields 3 to 52.
                    name, _, rest = path.read_text().partition("(")[2].rpartition(")")
                except OSError:
                    continue
                rows[int(path.parent.name)] = [name, *rest.split()]
            for pid, row in rows.items():
                if self._is_descendant(pid, rows):
                    self._seconds[pid, row[20], row[0]] = (int(row[12]) + int(row[13])) / tick

    @staticmethod
    def _is_descendant(pid: int, rows: dict[int, list[str]]) -> bool:
        while pid in rows:
            pid = int(rows[pid][2])
            if pid == os.getpid():
                return True
        return False

    def seconds(self, name: str = "") -> float:
        """Return the CPU seconds of all processes seen whose name begins with `name`."""
        return sum(seconds for key, seconds in self._seconds.items() if key[2].startswith(name))


def cpu_of(*commands: list[str], folder: Path, package: Path) -> ProcessTree:
    """Run commands at the same time; return the CPU of them and of all their descendants."""
    tree = ProcessTree()
    tree.start()
    running = [
        subprocess.Popen(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(package)},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]  # fmt: skip
    codes = [process.wait() for process in running]
    tree.ended.set()
    tree.join()
    # 1: the single process has named the damaged lines.
    if not set(codes) <= {0, 1}:
        raise SystemExit(f"failed with {codes}: {commands[0]}")
    return tree


def main(wheel: str, lines: str = "1000000", cores: str = "2") -> int:
    """Measure and print; return 0 if no line was lost."""
    total, number = int(lines), int(cores)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source, target = folder / "in", folder / "out"
        source.mkdir()
        write_lines(source, total, FILES_PER_CORE * number)
        command, package = submit(wheel, folder, source, target, number)
        singles = [
            [sys.executable, "-m", "enricher", "enrich", str(path)]
            for path in sorted(source.iterdir())[:number]
        ]
        single = cpu_of(*singles, folder=folder, package=package).seconds() / (total / FILES_PER_CORE)
        started = time.monotonic()
        tree = cpu_of(command, folder=folder, package=package)
        seconds = time.monotonic() - started
        session = open_spark(number)
        counts = counts_of(session.read.parquet(str(target)))
        session.stop()
        written = [path.stat().st_size for path in target.rglob("*.parquet")]
    print(
        f"pyspark {pyspark.__version__}, Python {sys.version.split()[0]}, {number} cores: {total} lines in = "
        f"{counts.get('ok', 0)} ok + {counts.get('rejected', 0)} rejected, "
        f"{len(written)} files, {sum(written) / 1e6:.0f} MB, {seconds:.0f} s"
    )
    spark, workers = tree.seconds() / total, tree.seconds("python") / total
    print(
        f"CPU a finding: Spark {spark * 1e6:.0f} µs, of it {workers * 1e6:.0f} in Python, "
        f"single process {single * 1e6:.0f} µs, ratio {spark / single:.2f}"
    )
    return 0 if counts == {"ok": total - total // 1000, "rejected": total // 1000} else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
