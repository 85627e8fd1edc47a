-- DuckDB: files of the format guardduty, one event a line. The columns are explicit: what DuckDB infers from the
-- first 20,480 lines makes 9 of a later severity of 8.9.
CREATE OR REPLACE VIEW events AS
SELECT * FROM read_json('findings/*.json*', format = 'newline_delimited', columns = {
  detail: 'JSON',
  attack: 'STRUCT(version VARCHAR, mapping VARCHAR, status VARCHAR, atlas VARCHAR,
    tactics STRUCT(id VARCHAR, name VARCHAR, url VARCHAR)[],
    techniques STRUCT(id VARCHAR, name VARCHAR, url VARCHAR, parent STRUCT(id VARCHAR, name VARCHAR),
      tactic STRUCT(id VARCHAR, name VARCHAR), confidence VARCHAR, source VARCHAR, rationale VARCHAR,
      evidence STRUCT(field VARCHAR, value VARCHAR)[])[])',
  alert: 'STRUCT(headline VARCHAR, severity VARCHAR, occurrence VARCHAR, sample BOOLEAN, archived BOOLEAN,
    dedupId VARCHAR, "check" VARCHAR, benign VARCHAR, changes VARCHAR, related VARCHAR,
    entities STRUCT(kind VARCHAR, id VARCHAR)[], "schema" VARCHAR, accountName VARCHAR, console VARCHAR)'
});

-- One row for each finding.
CREATE OR REPLACE VIEW findings AS
SELECT
  detail->>'$.arn' AS arn,
  detail->>'$.type' AS finding_type,
  CAST(detail->>'$.severity' AS DOUBLE) AS severity,
  CAST(detail->>'$.updatedAt' AS TIMESTAMP) AS updated_at,
  alert.severity AS severity_label,
  alert.sample AS sample,
  alert.headline AS headline,
  [technique.id for technique in attack.techniques] AS technique_ids
FROM events;

-- One row for each principal of a finding, with the primary tactic: the others are alternatives.
CREATE OR REPLACE VIEW steps AS
SELECT
  detail->>'$.arn' AS arn,
  CAST(detail->>'$.updatedAt' AS TIMESTAMP) AS seen,
  entity.id AS principal,
  attack.tactics[1].name AS tactic
FROM events, unnest(alert.entities) AS e(entity)
WHERE entity.kind = 'principal' AND NOT alert.sample AND len(attack.tactics) > 0;
