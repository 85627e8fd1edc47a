"""One route of a function: parse records, enrich, deduplicate, deliver, report the failed records."""
