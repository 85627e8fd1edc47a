// Print the type and normalisation of every ECS field: {"event.id": {"type": "keyword", "array": false}, …}.
const { EcsFlat } = require("@elastic/ecs");

const fields = Object.entries(EcsFlat).map(([name, { type, normalize }]) => [
  name,
  { type, array: (normalize || []).includes("array") },
]);
console.log(JSON.stringify(Object.fromEntries(fields)));
