"""Test the `enrich` command: accepted forms, rejected input and exit codes."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from enricher.cli import main
from tests import examples
from tests.tiny_mapping import record

PORTSCAN = str(examples.EVENTS / "ec2-portscan.json")
TOR = str(examples.EVENTS / "ec2-tor-client.json")


def _types(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    captured = capsys.readouterr()
    details = [json.loads(line)["detail"] for line in captured.out.splitlines()]
    return [detail.get("type") or detail["Type"] for detail in details], captured.err


def _saved(form: str) -> bytes:
    first, second = examples.event("ec2-portscan"), examples.event("ec2-tor-client")
    pascal = {"Findings": [{"Type": item["detail"]["type"], "Id": "1"} for item in (first, second)]}
    lines = json.dumps(first) + "\n\n" + json.dumps(second) + "\n"
    return {
        "array": json.dumps([first, second["detail"]]).encode(),
        "get-findings": json.dumps(pascal, indent=4).encode(),
        "ndjson": lines.encode(),
        "gzip": gzip.compress(lines.encode(), mtime=0),
        "byte order mark": b"\xef\xbb\xbf" + lines.encode(),
    }[form]


@pytest.mark.parametrize("form", ["array", "get-findings", "ndjson", "gzip", "byte order mark"])
def test_every_saved_form_is_read(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings in every saved form must be printed, one per line."""
    path = tmp_path / "saved"
    path.write_bytes(_saved(form))
    assert 0 == main(["enrich", str(path)])
    assert (["Recon:EC2/Portscan", "UnauthorizedAccess:EC2/TorClient"], "") == _types(capsys)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty: expected findings as JSON"),
        (b" \n", "empty: expected findings as JSON"),
        (b"caf\xe9", "line 1: byte 0xe9 is not UTF-8: save it as UTF-8"),
        (
            gzip.compress(b"{}", mtime=0)[:9],
            "not a valid gzip file: Compressed file ended before the end-of-stream marker",
        ),
    ],
)
def test_input_without_a_finding_is_rejected(
    data: bytes, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Input without a finding must be reported on stderr with the reason, and the exit code be 1."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert 1 == main(["enrich", "-"])
    types, errors = _types(capsys)
    assert [] == types
    assert errors.startswith(f"enricher: rejected: stdin: {reason}")


def test_unreadable_file_does_not_stop_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file and a folder must be reported with exit code 2, and the findings after them printed."""
    missing = tmp_path / "missing.json"
    assert 2 == main(["enrich", PORTSCAN, str(missing), str(tmp_path), TOR])
    types, errors = _types(capsys)
    assert ["Recon:EC2/Portscan", "UnauthorizedAccess:EC2/TorClient"] == types
    assert [
        f"enricher: {missing}: No such file or directory",
        f"enricher: {tmp_path}: Is a directory",
    ] == errors.splitlines()


def test_rejected_line_is_reported_with_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the invalid line must be rejected, with its line number, and the exit code be 1."""
    path = tmp_path / "findings.ndjson"
    path.write_text('{"type": "Recon:EC2/Portscan"}\n{bad\n\n{"type": "Recon:EC2/Two"}\n', encoding="utf-8")
    assert 1 == main(["enrich", str(path)])
    types, errors = _types(capsys)
    assert ["Recon:EC2/Portscan", "Recon:EC2/Two"] == types
    assert errors.startswith(f"enricher: rejected: {path}: line 2: not JSON: ")


def run_cli(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run `enricher enrich` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "enricher", "enrich", *arguments], input=data, capture_output=True, check=False
    )


def test_every_event_is_enriched_as_it_is_alone(tmp_path: Path) -> None:
    """Concatenated, in processes of their own and in a pipe, findings must give the same lines in order."""
    events = [json.dumps(examples.event(name)) for name in examples.names()]
    lines = tmp_path / "lines"
    lines.write_text("\n".join(events * 4), encoding="utf-8")
    expected = run_cli(str(lines))
    assert (0, 4 * len(events)) == (expected.returncode, expected.stdout.count(b"\n"))
    for arguments, data in (
        ((str(lines), "--jobs", "2"), b""),
        (("-",), "".join(events * 4).encode()),
        (("-",), gzip.compress(json.dumps([json.loads(event) for event in events * 4]).encode(), mtime=0)),
    ):
        assert expected.stdout == run_cli(*arguments, data=data).stdout


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_processes_are_given_the_compiled_mapping(method: str, tmp_path: Path) -> None:
    """However processes start, they must tag as one does, overrides included, and compile nothing."""
    override = tmp_path / "own.toml"
    override.write_text(record("Recon:EC2/Portscan", rationale='"Ours."'), encoding="utf-8")
    arguments = ["enrich", PORTSCAN, TOR, "--overrides", str(override), "--format", "ocsf", "--why"]
    script = (
        "import multiprocessing, sys; from enricher.cli import main\n"
        f"multiprocessing.set_start_method({method!r}); sys.exit(main({[*arguments, '--jobs', '2']!r}))"
    )
    alone = run_cli(*arguments[1:])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (alone.returncode, alone.stdout) == (done.returncode, done.stdout)
    assert alone.stderr == done.stderr
    assert b"Ours." in done.stderr


def test_rejections_keep_their_place_in_several_processes(tmp_path: Path) -> None:
    """With --jobs each rejected input must be reported with file and line, and the exit code be 1."""
    path = tmp_path / "findings"
    path.write_text('{"type": "Recon:EC2/One"}\n{"type": 1}\n{"type": "Recon:EC2/Two"}\n', encoding="utf-8")
    done = run_cli(str(path), "--jobs", "2")
    assert (1, 2) == (done.returncode, done.stdout.count(b"\n"))
    assert done.stderr.decode().startswith(f"enricher: rejected: {path}: line 2: detail.type is a number")


def test_finding_is_printed_before_the_next_one_arrives() -> None:
    """A finding that arrives in a pipe must come out at once, though the pipe stays open."""
    command = [sys.executable, "-m", "enricher", "enrich", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for name in ("ec2-portscan", "ec2-tor-client"):
            event = examples.event(name)
            process.stdin.write(json.dumps(event).encode() + b"\n")
            process.stdin.flush()
            assert event["detail"]["type"] == json.loads(process.stdout.readline())["detail"]["type"]
        process.stdin.close()
        assert 0 == process.wait(30)


class CountingOutput(io.StringIO):
    """A text stream, of the file `descriptor`, that counts how often it is flushed."""

    flushes = 0
    descriptor = -1

    def fileno(self) -> int:
        """Return the descriptor."""
        return self.descriptor

    def flush(self) -> None:
        """Count."""
        self.flushes += 1


@pytest.mark.parametrize("into_file", [False, True])
def test_findings_are_flushed_each_unless_all_files_are_regular(
    into_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into a pipe each finding must be written at once; from file to file they may wait for one another."""
    path = tmp_path / "lines"
    path.write_text((json.dumps(examples.event("ec2-portscan")) + "\n") * 100, encoding="utf-8")
    reader, writer = os.pipe()
    output = CountingOutput()
    monkeypatch.setattr("sys.stdout", output)
    with path.open("rb") as regular:
        output.descriptor = regular.fileno() if into_file else writer
        assert 0 == main(["enrich", str(path)])
    os.close(reader)
    os.close(writer)
    assert 100 == output.getvalue().count("\n")
    assert output.flushes <= 2 if into_file else output.flushes >= 100


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as many findings, on lines or in one array, must not need more memory."""
    event = examples.event("ec2-portscan", description="x" * 30_000)
    peaks = {}
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        for count in (40, 160):
            for form, text in {
                "lines": (json.dumps(event) + "\n") * count,
                "array": json.dumps([event] * count, indent=1),
            }.items():
                path = tmp_path / form
                path.write_text(text, encoding="utf-8")
                main(["enrich", PORTSCAN])
                tracemalloc.start()
                assert 0 == main(["enrich", str(path)])
                peaks[form, count] = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
    for form in ("lines", "array"):
        assert peaks[form, 160] < 1.1 * peaks[form, 40]


def test_truncated_gzip_loses_only_its_end(tmp_path: Path) -> None:
    """What a damaged gzip file still holds must be printed, and the damage be reported."""
    lines = "".join(
        json.dumps(examples.event("ec2-portscan", id=str(number))) + "\n" for number in range(600)
    )
    path = tmp_path / "export.gz"
    path.write_bytes(gzip.compress(lines.encode(), mtime=0)[:-500])
    done = run_cli(str(path), PORTSCAN)
    assert 1 == done.returncode
    assert done.stdout.count(b"\n") > 100
    assert done.stderr.decode().startswith(f"enricher: rejected: {path}: not a valid gzip file: ")


def test_finding_that_cannot_be_written_does_not_stop_the_next(tmp_path: Path) -> None:
    """A number that JSON cannot represent must be reported with its line, and the next finding be printed."""
    path = tmp_path / "findings"
    text = '{"type": "Recon:EC2/One", "x": 1e999}\n{"type": "Recon:EC2/Two"}\n'
    path.write_text(text, encoding="utf-8")
    done = run_cli(str(path))
    assert (1, 1) == (done.returncode, done.stdout.count(b"\n"))
    assert done.stderr.decode().startswith(f"enricher: rejected: {path}: line 1: cannot be written: ")


def test_finding_is_written_whole(tmp_path: Path) -> None:
    """A finding above the size of an SNS message must be printed whole: a file has no such limit."""
    path = tmp_path / "finding"
    detail = {"type": "Recon:EC2/One", "service": {"additionalInfo": {"x": "y" * 2_000_000}}}
    path.write_text(json.dumps(detail), encoding="utf-8")
    done = json.loads(run_cli(str(path)).stdout)
    assert (detail, False) == (done["detail"], "truncated" in done)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_output_is_utf8_whatever_the_terminal_is_set_to(encoding: str) -> None:
    """JSON must come out as UTF-8, and no character may end the output."""
    data = json.dumps({"type": "Recon:EC2/One", "title": "漢 \udcff"}, ensure_ascii=False)
    command = [sys.executable, "-m", "enricher", "enrich", "-"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    raw = data.encode("utf-8", "surrogatepass")
    done = subprocess.run(command, input=raw, capture_output=True, env=environment, check=False)
    assert 1 == done.returncode
    raw = json.dumps({"type": "Recon:EC2/One", "title": "漢"}, ensure_ascii=False).encode()
    done = subprocess.run(command, input=raw, capture_output=True, env=environment, check=False)
    assert "漢" == json.loads(done.stdout.decode())["detail"]["title"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let child processes start with SIGINT not ignored, which a shell's background job passes on to them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_ends_in_one_line() -> None:
    """Ctrl-C must end the command with one line and exit code 130."""
    command = [sys.executable, "-m", "enricher", "enrich", "-"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(json.dumps(examples.event("ec2-portscan")).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert (130, b"enricher: interrupted\n") == (process.wait(30), process.stderr.read())


@pytest.mark.usefixtures("interruptible")
def test_interrupt_of_several_processes_ends_in_one_line() -> None:
    """Ctrl-C, which every process of the terminal gets, must end all of them with the one line."""
    line = json.dumps({"type": "Recon:EC2/One", "description": "x" * 20_000})
    command = [sys.executable, "-m", "enricher", "enrich", "-", "--jobs", "2"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(f"{line}\n".encode() * 100)
        process.stdin.flush()
        time.sleep(0.5)  # until both processes have started, and wait for the next block
        os.killpg(process.pid, signal.SIGINT)
        assert (130, b"enricher: interrupted\n") == (process.wait(30), process.stderr.read())


def test_number_of_jobs_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """A number of processes that is not one must be a usage error that names the option."""
    with pytest.raises(SystemExit) as caught:
        main(["enrich", PORTSCAN, "--jobs", "0"])
    assert 2 == caught.value.code
    assert "argument --jobs: '0' is not a number of processes: expected 1 to 256" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["enrich", PORTSCAN], ["layer"], ["export", "--format", "csv"]])
@pytest.mark.parametrize("override", [record("Recon:EC2/Portscan", confidence="9").encode(), b"caf\xe9"])
def test_invalid_override_returns_1(
    command: list[str], override: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With an invalid or non-UTF-8 override the bundled mapping must be used, with exit code 1."""
    own = tmp_path / "own.toml"
    own.write_bytes(override)
    assert 0 == main(command)
    bundled = capsys.readouterr().out
    assert 1 == main([*command, "--overrides", str(own)])
    captured = capsys.readouterr()
    assert bundled == captured.out
    assert f"enricher: invalid override: {own}:" in captured.err


def test_unknown_release_is_reported_with_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown ATT&CK version must be reported with the option and known versions, with exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(["enrich", PORTSCAN, "--attack-version", "17"])
    assert 2 == caught.value.code
    assert (
        "enricher: invalid value for --attack-version: '17': expected 19.2 or 18.1\n"
        == capsys.readouterr().err
    )


@pytest.mark.parametrize("version", ["1.8.0", "1.5.0", "1.1.0"])
def test_ocsf_version_is_output(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --ocsf-version the event must be of that OCSF version."""
    path = str(examples.EVENTS / "ec2-tor-client.json")
    assert main(["enrich", "--format", "ocsf", "--ocsf-version", version, path]) == 0
    assert version == json.loads(capsys.readouterr().out)["metadata"]["version"]
