"""Run one route: read records, enrich, deduplicate, deliver, answer for each record."""
