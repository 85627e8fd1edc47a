// Analyse KQL with Microsoft's parser: node kusto.js < {"name": "query", …}; prints {"name": ["error", …], …}.
require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const queries = JSON.parse(require("fs").readFileSync(0, "utf8"));
const found = {};
for (const [name, text] of Object.entries(queries)) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(text, Kusto.Language.GlobalState.Default);
  const diagnostics = code.GetDiagnostics();
  found[name] = [];
  for (let place = 0; place < diagnostics.Count; place++) {
    const { Severity, Start, Message } = diagnostics.getItem(place);
    if (Severity !== "Suggestion") found[name].push(`${text.slice(Start, Start + 40)}: ${Message}`);
  }
}
console.log(JSON.stringify(found));
