// The data of the page, and what of it the filters leave.
const data = JSON.parse($('data').textContent);
const CONFIDENCES = ['high', 'medium', 'low'];
const byName = new Map(data.types.map((type, index) => [type.name, index]));
const state = {
  release: data.version,
  shown: { type: true, rule: true, retired: false, seen: true },
  onlyObserved: false,
  facets: { family: new Set(), source: new Set(), plan: new Set(), confidence: new Set() },
  words: [],
  heat: 'findings',
  window: '',
  unfolded: new Set(),
  unfoldAll: false,
  rest: new Set(),
};
const FACETS = {
  family: { label: 'Resource family', all: [...new Set(data.types.map((type) => type.file))], of: (type) => [type.file] },
  source: { label: 'Data source', all: data.sources, of: (type) => type.sources },
  plan: { label: 'Protection plan', all: data.plans, of: (type) => type.plans },
  confidence: { label: 'Confidence', all: CONFIDENCES, of: null },
};
const release = () => data.releases[state.release];
const parentOf = (id) => (id.includes('.') ? id.split('.')[0] : null);
const nameOf = (id) => (release().techniques[id] || [id])[0];
const urlOf = (id) => `${release().url}techniques/${id.replace('.', '/')}/`;
const tacticName = (id) => release().tactics.find((row) => row[0] === id)?.[1] ?? id;

// A type passes a facet if nothing is chosen or one of its values is.
const passes = (type) =>
  ['family', 'source', 'plan'].every((key) => {
    const chosen = state.facets[key];
    return !chosen.size || FACETS[key].of(type).some((value) => chosen.has(value));
  });
const isConfident = (number) => !state.facets.confidence.size || state.facets.confidence.has(CONFIDENCES[number]);
const isNarrowed = () => ['family', 'source', 'plan'].some((key) => state.facets[key].size);

// What was observed in one cell in the chosen days, null if nothing was.
const heatOf = (technique, tactic) => {
  const seen = data.observed?.cells[`${technique} ${tactic}`];
  if (!seen) return null;
  const sum = (days) => Object.entries(days).reduce((all, [day, n]) => (day >= state.window ? all + n : all), 0);
  const findings = state.window ? sum(seen.days) : seen.findings;
  const accounts = state.window ? sum(seen.last) : seen.accounts;
  return findings ? { findings, accounts, value: state.heat === 'accounts' ? accounts : findings } : null;
};

const matches = (cell) =>
  state.words.every((word) =>
    [cell.technique, nameOf(cell.technique), tacticName(cell.tactic), ...cell.entries.map((row) => data.types[row[0]].name)]
      .some((text) => text.toLowerCase().includes(word)));

// Return the cells that the filters leave, each with the kind that it rests on.
const visibleCells = () => {
  const allowed = data.types.map(passes);
  const narrowed = isNarrowed();
  const known = new Set();
  const cells = [];
  for (const [technique, tactic, types, rules] of release().cells) {
    known.add(`${technique} ${tactic}`);
    const entries = types.filter(([type, confidence]) => allowed[type] && isConfident(confidence));
    const active = entries.filter(([type]) => !data.types[type].retired);
    const retired = entries.filter(([type]) => data.types[type].retired);
    const usable = rules.filter(([, confidence, list]) =>
      isConfident(confidence) && (!narrowed || data.lists[list].some((type) => allowed[type])));
    const heat = heatOf(technique, tactic);
    const kind = active.length ? 'type' : usable.length ? 'rule' : retired.length ? 'retired' : heat && !narrowed ? 'seen' : null;
    if (!kind) continue;
    const best = { type: active, rule: usable, retired, seen: [] }[kind].map((row) => row[1]);
    cells.push({
      technique, tactic, kind, heat, active, retired, rules: usable,
      entries: state.shown.retired ? entries : active,
      confidence: best.length ? Math.min(...best) : 3,
    });
  }
  for (const key of Object.keys(data.observed?.cells ?? {})) {
    const [technique, tactic] = key.split(' ');
    const heat = heatOf(technique, tactic);
    if (known.has(key) || !heat || narrowed) continue;
    cells.push({ technique, tactic, kind: 'seen', heat, active: [], retired: [], rules: [], entries: [], confidence: 3 });
  }
  return cells;
};
