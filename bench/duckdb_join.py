"""Join a file of findings with the look-up table, and print each finding with its row as one JSON object."""

import sys

import duckdb


def main() -> None:
    """Read the files given as arguments."""
    history, table = sys.argv[1:]
    duckdb.sql("SET preserve_insertion_order = true; SET threads = 1")
    duckdb.execute(
        """
        COPY (
            SELECT f.json AS event, l.tactic_ids, l.technique_ids
            FROM read_ndjson_objects($history) AS f
            LEFT JOIN read_csv($table, all_varchar = true) AS l
            ON f.json ->> '$.detail.type' = l.finding_type
        ) TO '/dev/stdout' (FORMAT json)
        """,
        {"history": history, "table": table},
    )


if __name__ == "__main__":
    main()
