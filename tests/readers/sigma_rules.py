"""Convert every Sigma rule for each SIEM with pySigma and this project's pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sigma.backends.elasticsearch import LuceneBackend
from sigma.backends.kusto import KustoBackend
from sigma.backends.opensearch import OpensearchLuceneBackend
from sigma.backends.splunk import SplunkBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline

from tests.examples import EVENTS
from tests.readers.outcome import Outcome, named

SIEM = EVENTS.parent / "siem"
#: SIEM -> backend, package, suffix of the query's file.
BACKENDS = {
    "splunk": (SplunkBackend, "pysigma-backend-splunk", "spl"),
    "elasticsearch": (LuceneBackend, "pysigma-backend-elasticsearch", "lucene"),
    "opensearch": (OpensearchLuceneBackend, "pysigma-backend-opensearch", "lucene"),
    "kusto": (KustoBackend, "pysigma-backend-kusto", "kql"),
}


def convert() -> Iterator[tuple[Path, str]]:
    """Yield path and text of the query of each rule for each SIEM."""
    rules = sorted((SIEM / "sigma").glob("*.yml"))
    assert rules
    for name, (backend, _, suffix) in BACKENDS.items():
        pipeline = ProcessingPipeline.from_yaml(
            (SIEM / "sigma" / "pipelines" / f"{name}.yml").read_text("utf-8")
        )
        for rule in rules:
            collection = SigmaCollection.from_yaml(rule.read_text("utf-8"))
            [query] = backend(processing_pipeline=pipeline).convert(collection)
            yield SIEM / "sigma" / "queries" / name / f"{rule.stem}.{suffix}", f"{query}\n"


def check_fields() -> Iterator[Outcome]:
    """Each query must use the fields of its SIEM only, none of the names of the rule."""
    for path, query in convert():
        name = path.parent.name
        assert name == "splunk" or "attack.techniques" not in query, path
        assert name != "splunk" or "attack.techniques." not in query, path
        assert name != "kusto" or "'" not in query, path
    for name, (_, package, _) in BACKENDS.items():
        yield Outcome(named(f"pySigma, {name}", package), "every rule of siem/sigma", "converted")
