#!/usr/bin/env bash
# @kusto/language-service-next 12.4.1, Microsoft's parser of KQL.
# Expected: a dynamic column's property is read with a dot, whatever its name: alert.sample as alert.severity.
# Seen: `alert.sample` is a syntax error, since `sample` is an operator of KQL; alert['sample'] is accepted.
# For us: queries on alert.sample are written with brackets (siem/sentinel).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @kusto/language-service-next@12.4.1 >/dev/null
cat >check.js <<'JS'
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const errors = (text) => {
  const found = Kusto.Language.KustoCode.ParseAndAnalyze(
    `datatable(alert:dynamic)[] | where tostring(${text}) == 'false'`, Kusto.Language.GlobalState.Default).GetDiagnostics();
  return [...Array(found.Count).keys()].map((place) => found.getItem(place).Message);
};
const seen = ["alert.severity", "alert.sample", "alert['sample']"].map((text) => [text, errors(text)]);
for (const [text, messages] of seen) console.log(text, "->", messages.length ? messages[0] : "accepted");
process.exit(seen[0][1].length === 0 && seen[1][1].length > 0 && seen[2][1].length === 0 ? 0 : 1);
JS
node check.js
