-- ATT&CK for findings that were not enriched, from `enricher export --format csv --one-row` as table lookup.
SELECT f.finding_type AS finding_type, l.tactic_ids AS tactic_ids, l.technique_ids AS technique_ids,
  l.attack_version AS attack_version
FROM findings AS f
LEFT JOIN lookup AS l ON f.finding_type = l.finding_type
ORDER BY f.finding_type
