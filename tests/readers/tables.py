"""Read the bodies with Arrow, DuckDB, ClickHouse (chdb), BigQuery's schema generator and jsonschema."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import chdb
import duckdb
import pyarrow.json
from bigquery_schema_generator.generate_schema import SchemaGenerator
from chdb.session import Session
from jsonschema import Draft202012Validator

from enricher.cli import main
from tests.examples import EVENTS
from tests.readers.bodies import FILLED, PLAIN_LINES, lines_of
from tests.readers.outcome import Outcome, named

ROOT = EVENTS.parent
SQL = ROOT / "siem" / "sql"
ARROW, DUCKDB = named("Arrow (pyarrow)", "pyarrow"), named("DuckDB", "duckdb")
CLICKHOUSE = named("ClickHouse (chdb)", "chdb")
CHAIN = "111122223333/user/chained"
ALL = "every example in guardduty, finding, ecs, ocsf; default settings"
LARGE = (
    f"more than {PLAIN_LINES:,} lines in guardduty and finding, filled fields in the last; default settings"
)


def read_examples(paths: dict[str, Path]) -> Iterator[Outcome]:
    """Read every example in each format with default settings; every reader must keep every line."""
    lines = {name: len(lines_of(path)) for name, path in paths.items()}
    for name, path in paths.items():
        assert pyarrow.json.read_json(path).num_rows == lines[name], name
        assert _duckdb(f"SELECT count(*) FROM read_json('{path}')") == [(lines[name],)], name
        everything = chdb.query(f"SELECT * FROM file('{path}', JSONEachRow)", "JSONEachRow")
        assert len(str(everything).splitlines()) == lines[name], name
        # Without the option account IDs become INTEGER and lose a leading zero.
        generator = SchemaGenerator(input_format="json", quoted_values_are_strings=True)
        schema, errors = generator.deduce_schema(lines_of(path))
        accounts = [
            row["type"] for row in generator.flatten_schema(schema) if row["name"] in ("account", "accountId")
        ]
        assert set(accounts) <= {"STRING"}, (name, accounts)
        assert not [error for error in errors if "attack" in error["msg"] or "alert" in error["msg"]], errors
    yield from (Outcome(reader, ALL, "accepted") for reader in (ARROW, DUCKDB, CLICKHOUSE))
    bigquery = named("BigQuery's schema generator", "bigquery-schema-generator")
    texts = ALL.replace("default settings", "option --quoted_values_are_strings, for account IDs")
    yield Outcome(bigquery, texts, "a schema, without a conflict in attack or alert")


def read_large_file(paths: dict[str, Path]) -> Iterator[Outcome]:
    """Read a file whose last lines fill what all others leave empty, with default settings."""
    expected = [FILLED[key] for key in ("changes", "related", "atlas", "technique", "evidence")]
    for name, path in paths.items():
        assert path.stat().st_size > 3_000_000
        last = pyarrow.json.read_json(path).slice(PLAIN_LINES, 1).to_pylist()[0]
        assert [
            last["alert"]["changes"],
            last["alert"]["related"],
            last["attack"]["atlas"],
            last["attack"]["techniques"][0]["id"],
            last["attack"]["techniques"][0]["evidence"][0]["value"],
        ] == expected
        fields = (
            "alert.changes, alert.related, attack.atlas, attack.techniques[1].id, "
            "attack.techniques[1].evidence[1].value"
        )
        query = f"SELECT {fields} FROM read_json('{path}') WHERE alert.changes <> ''"
        assert _duckdb(query) == [tuple(expected)] * 2, name
        rows = chdb.query(
            f"SELECT {fields} FROM file('{path}', JSONEachRow) WHERE alert.changes <> ''", "CSV"
        )
        assert list(csv.reader(io.StringIO(str(rows)))) == [expected] * 2, name
    yield from (
        Outcome(reader, LARGE, "accepted, every value kept") for reader in (ARROW, DUCKDB, CLICKHOUSE)
    )
    severity = _duckdb(f"SELECT max(severity) FROM read_json('{paths['finding']}')")
    assert severity == [(9,)], severity
    yield Outcome(
        DUCKDB,
        "GuardDuty's own severity, whole in the first 20,480 lines and 8.9 later; default settings",
        "reads 9, without an error: name the columns, as siem/sql/duckdb.sql does",
    )


def read_explicitly(paths: dict[str, Path], folder: Path) -> Iterator[Outcome]:
    """Create the views of siem/sql in DuckDB and ClickHouse; chain and lookup must agree in both."""
    (folder / "findings").mkdir()
    lines = [*lines_of(paths["guardduty"]), *_chain(paths["guardduty"])]
    (folder / "findings" / "all.json").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    lookup = folder / "lookup.csv"
    lookup.write_text(_export_one_row(), encoding="utf-8")
    chain, join = ((SQL / f"{name}.sql").read_text("utf-8") for name in ("chain_of_tactics", "lookup_join"))

    duck = duckdb.connect()
    duck.execute(
        (SQL / "duckdb.sql").read_text("utf-8").replace("findings/*.json*", f"{folder}/findings/*.json*")
    )
    duck.execute(f"CREATE TABLE lookup AS SELECT * FROM read_csv('{lookup}', all_varchar = true)")
    house = Session()
    for statement in (SQL / "clickhouse.sql").read_text("utf-8").split(";\n"):
        if "CREATE" in statement:
            house.query(statement)
    house.query(
        f"INSERT INTO events (body) SELECT line FROM file('{folder}/findings/all.json', LineAsString)"
    )
    house.query(
        f"CREATE TABLE lookup ENGINE = Memory AS SELECT * FROM file('{lookup}', CSVWithNames) "
        "SETTINGS input_format_csv_use_best_effort_in_schema_inference = 0"
    )
    joined = [tuple(row) for row in duck.execute(join).fetchall()]
    assert len(joined) == len(lines)
    assert any(technique for _, _, technique, _ in joined)
    assert _house_rows(house, join) == [tuple(value or "" for value in row) for row in joined]
    assert _house_rows(house, "SELECT count(), max(severity) FROM findings")[0][0] == str(len(lines))
    severities = "SELECT severity FROM findings ORDER BY arn, updated_at"
    assert [float(row[0]) for row in _house_rows(house, severities)] == [
        row[0] for row in duck.execute(severities).fetchall()
    ]
    in_duck = [(row[0], row[2]) for row in duck.execute(chain).fetchall()]
    in_house = [(row[0], int(row[2])) for row in _house_rows(house, chain)]
    assert in_duck == in_house == [(CHAIN, 3)]
    for reader in (DUCKDB, CLICKHOUSE):
        yield Outcome(
            reader, "siem/sql: tables, views, chain of tactics, lookup by finding type", "same rows"
        )


def validate_contract(paths: dict[str, Path]) -> Iterator[Outcome]:
    """Validate every body of the formats guardduty and finding, and every golden file."""
    schema = json.loads((ROOT / "docs" / "enriched-event.schema.json").read_text("utf-8"))
    validator = Draft202012Validator(schema)
    for line in lines_of(paths["guardduty"]):
        validator.validate(json.loads(line))
    for line in lines_of(paths["finding"]):
        body = json.loads(line)
        validator.validate({"detail": body, "attack": body["attack"], "alert": body["alert"]})
    for golden in _golden_events():
        validator.validate(golden)
    content = "every golden file and example, against docs/enriched-event.schema.json"
    yield Outcome(named("jsonschema", "jsonschema"), content, "valid")


def _chain(path: Path) -> Iterator[str]:
    """Yield three findings of one principal with different tactics, across midnight, and one a day later."""
    times = (
        "2026-11-01T20:00:00.000Z",
        "2026-11-02T01:00:00.000Z",
        "2026-11-02T19:00:00.000Z",
        "2026-11-03T20:00:00.000Z",
    )
    tactics = ("Initial Access", "Persistence", "Impact", "Exfiltration")
    for time, tactic in zip(times, tactics, strict=True):
        body = json.loads(lines_of(path)[0])
        body["detail"]["updatedAt"] = time
        body["attack"]["tactics"] = [{"id": "TA0001", "name": tactic, "url": "https://attack.mitre.org/"}]
        body["alert"]["entities"] = [{"kind": "principal", "id": CHAIN}]
        yield json.dumps(body)


def _golden_events() -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / "events").glob("enriched*/**/*.json")):
        body = json.loads(path.read_text("utf-8"))
        if isinstance(body, dict) and {"detail", "attack", "alert"} <= body.keys():
            yield body


def _duckdb(query: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = duckdb.execute(query).fetchall()
    return rows


def _house_rows(session: Session, query: str) -> list[tuple[str, ...]]:
    text = str(session.query(query, "CSV")).replace("\\N", "")
    return [tuple(row) for row in csv.reader(io.StringIO(text))]


def _export_one_row() -> str:
    output = io.StringIO()
    with redirect_stdout(output):
        assert main(["export", "--format", "csv", "--one-row"]) == 0
    return output.getvalue()
