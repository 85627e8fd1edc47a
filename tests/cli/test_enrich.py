"""Test the `enrich` command: accepted forms, rejected input and exit codes."""

from __future__ import annotations

import gzip
import io
import json
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
        (b"caf\xe9", "byte 3: not UTF-8: save it as UTF-8"),
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
    path.write_text('{"type": "Recon:EC2/Portscan"}\n{bad\n\n{"type": "x"}\n', encoding="utf-8")
    assert 1 == main(["enrich", str(path)])
    types, errors = _types(capsys)
    assert ["Recon:EC2/Portscan", "x"] == types
    assert errors.startswith(f"enricher: rejected: {path}: line 2: not JSON: ")


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
    assert "enricher: invalid override: own.toml: " in captured.err


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
