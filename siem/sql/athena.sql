-- Athena: files of the format guardduty in S3, one event a line (Firehose adds the line break only if told to).
-- The column names are explicit; the SerDe reads keys without regard to case.
CREATE EXTERNAL TABLE guardduty_attack (
  detail struct<
    arn: string, id: string, type: string, title: string, severity: double, accountid: string, region: string,
    updatedat: string>,
  attack struct<
    version: string, mapping: string, status: string, atlas: string,
    tactics: array<struct<id: string, name: string, url: string>>,
    techniques: array<struct<
      id: string, name: string, url: string, parent: struct<id: string, name: string>,
      tactic: struct<id: string, name: string>, confidence: string, source: string, rationale: string,
      evidence: array<struct<field: string, value: string>>>>>,
  alert struct<
    headline: string, severity: string, occurrence: string, sample: boolean, archived: boolean, dedupid: string,
    check: string, benign: string, changes: string, related: string,
    entities: array<struct<kind: string, id: string>>, accountname: string, console: string>
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'false')
LOCATION 's3://BUCKET/PREFIX/';

-- Findings of a technique, also as a parent:
--   SELECT detail.type, alert.headline FROM guardduty_attack
--   WHERE NOT alert.sample AND any_match(attack.techniques, t -> t.id = 'T1685' OR t.parent.id = 'T1685');
