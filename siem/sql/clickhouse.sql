-- ClickHouse: the body stays a String (the JSON type rewrites times and drops nulls), columns are taken from it.
CREATE TABLE events
(
    body String,
    arn String MATERIALIZED JSONExtractString(body, 'detail', 'arn'),
    finding_type LowCardinality(String) MATERIALIZED JSONExtractString(body, 'detail', 'type'),
    severity Float64 MATERIALIZED JSONExtractFloat(body, 'detail', 'severity'),
    updated_at DateTime64(3, 'UTC') MATERIALIZED parseDateTime64BestEffort(JSONExtractString(body, 'detail', 'updatedAt'), 3, 'UTC'),
    severity_label LowCardinality(String) MATERIALIZED JSONExtractString(body, 'alert', 'severity'),
    sample Bool MATERIALIZED JSONExtractBool(body, 'alert', 'sample'),
    headline String MATERIALIZED JSONExtractString(body, 'alert', 'headline'),
    technique_ids Array(String) MATERIALIZED arrayMap(t -> JSONExtractString(t, 'id'), JSONExtractArrayRaw(body, 'attack', 'techniques')),
    tactics Array(String) MATERIALIZED arrayMap(t -> JSONExtractString(t, 'name'), JSONExtractArrayRaw(body, 'attack', 'tactics')),
    principals Array(String) MATERIALIZED arrayMap(
        e -> JSONExtractString(e, 'id'),
        arrayFilter(e -> JSONExtractString(e, 'kind') = 'principal', JSONExtractArrayRaw(body, 'alert', 'entities')))
)
ENGINE = MergeTree
ORDER BY (updated_at, arn);

-- Load it with: INSERT INTO events (body) SELECT line FROM file('findings.json', LineAsString)

CREATE VIEW findings AS
SELECT arn, finding_type, severity, updated_at, severity_label, sample, headline, technique_ids FROM events;

-- One row for each principal of a finding, with the primary tactic: the others are alternatives.
CREATE VIEW steps AS
SELECT arn, updated_at AS seen, principal, tactics[1] AS tactic
FROM events
ARRAY JOIN principals AS principal
WHERE NOT sample AND notEmpty(tactics);
