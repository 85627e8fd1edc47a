"""Test the parts in which a file is handed to several processes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from enricher.cli import saved_findings
from enricher.cli.saved_findings import Block, Rejected, read_blocks, read_values
from enricher.finding.json_values import JsonValue
from tests import examples

EVENTS = [examples.event(name) for name in examples.names()]
LINES = [json.dumps(event) for event in EVENTS]
ARRAY = json.dumps(EVENTS, indent=1)
BLANK = b" \n" * 40_000

FILES = {
    "lines": "\n".join(LINES).encode(),
    "lines that end in CRLF": "\r\n".join(LINES).encode() + b"\r\n",
    "byte order mark": b"\xef\xbb\xbf" + "\n".join(LINES).encode(),
    "no delimiter": "".join(LINES).encode(),
    "indented": "\n".join(json.dumps(event, indent=1) for event in EVENTS).encode(),
    "array": ARRAY.encode(),
    "arrays on lines": "\n".join(f"[{line}, {line}]" for line in LINES).encode(),
    "GetFindings": json.dumps({"Findings": [event["detail"] for event in EVENTS]}, indent=4).encode(),
    "lines, then an array": "\n".join([*LINES, ARRAY, *LINES]).encode(),
    "damaged lines": "\n".join([*LINES, "{bad", "junk", LINES[0][:500], *LINES, "caf\xe9"]).encode("latin-1"),
    "gzip": gzip.compress("\n".join(LINES).encode(), mtime=0),
    "truncated gzip": gzip.compress("\n".join(LINES).encode(), mtime=0)[:-900],
    "truncated gzip without line ends": gzip.compress("".join(LINES).encode(), mtime=0)[:-900],
    "one line": LINES[0].encode(),
    "blank": BLANK,
    "empty": b"",
}


def _unparsed(item: JsonValue | Rejected) -> JsonValue | Rejected:
    return item if isinstance(item, Rejected) else item._replace(content=None)


@pytest.mark.parametrize("form", FILES)
def test_blocks_hold_what_the_file_holds(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Block by block a file must give the values, places and rejections that it gives as a whole."""
    path = tmp_path / "saved"
    path.write_bytes(FILES[form])
    whole = [_unparsed(item) for item in read_values(str(path))]
    monkeypatch.setattr(saved_findings, "BLOCK_SIZE", 20_000)
    blocks = list(read_blocks(str(path)))
    parts = [
        _unparsed(item)
        for block in blocks
        for item in ([block] if isinstance(block, Rejected) else block.values())
    ]
    assert whole == parts


def test_blocks_are_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No block may be much larger than the size asked for, so that memory does not grow with the file."""
    monkeypatch.setattr(saved_findings, "BLOCK_SIZE", 20_000)
    monkeypatch.setattr(saved_findings, "_CHUNK", 10_000)
    path = tmp_path / "saved"
    for text in ("\n".join(LINES), ARRAY):
        path.write_text(text, encoding="utf-8")
        blocks = list(read_blocks(str(path)))
        assert len(blocks) > 5
        sizes = [_size(block) for block in blocks if isinstance(block, Block)]
        assert max(sizes) < 20_000 + 10_000 + max(map(len, LINES))


def _size(block: Block) -> int:
    return len(block.data) if isinstance(block.data, bytes) else sum(len(it.text) for it in block.data)


def test_missing_file_is_rejected(tmp_path: Path) -> None:
    """A file that cannot be opened must be reported as unread."""
    (rejected,) = read_blocks(str(tmp_path / "missing"))
    assert isinstance(rejected, Rejected)
    assert (rejected.is_unread, rejected.reason) == (True, "No such file or directory")
