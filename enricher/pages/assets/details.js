// The panel of one technique or one finding type.
const dialog = $('details');
let opener = null;

const chips = (type, confidence) =>
  h('p', { class: 'chips' },
    confidence !== null && h('span', { class: `chip ${CONFIDENCES[confidence]}` }, `${CONFIDENCES[confidence]} confidence`),
    type.severity && h('span', { class: 'chip' }, `severity ${type.severity.replaceAll('|', ' / ').replace('*', ' by default')}`),
    type.plans.map((plan) => h('span', { class: 'chip' }, plan)),
    type.sources.map((source) => h('span', { class: 'chip' }, source)),
    type.retired && h('span', { class: 'chip' }, type.retiredOn ? `retired ${type.retiredOn}` : 'retired'));

const linkText = (url) => {
  if (url.includes('/guardduty/latest/ug/')) return 'GuardDuty user guide';
  return url.replace(/^https:\/\//, '').replace(/\/$/, '');
};

const typeBody = (type) => [
  h('p', {}, type.why),
  type.benign && h('p', { class: 'caveats' }, `Benign if ${type.benign}.`),
  type.caveats && h('p', { class: 'caveats' }, type.caveats),
  type.successor && h('p', {}, 'GuardDuty now sends ', byName.has(type.successor) ? jump(type.successor, type.successor) : type.successor, '.'),
  h('p', { class: 'links' }, type.links.map((url) => outLink(url, linkText(url)))),
];

const typeItem = ([index, confidence]) => {
  const type = data.types[index];
  return h('article', { class: 'item' }, h('h4', {}, jump(type.name, type.name)), chips(type, confidence), typeBody(type));
};

const ruleItem = ([index, confidence, list]) => {
  const [id, condition, scope, why] = data.rules[index];
  const types = list === undefined ? [] : data.lists[list];
  return h('details', { class: 'rules' },
    h('summary', {}, h('code', {}, id), ' ', h('span', { class: `chip ${CONFIDENCES[confidence]}` }, CONFIDENCES[confidence])),
    h('p', { class: 'if' }, `If ${condition}${scope ? `; in findings with ${scope}` : ''}.`),
    h('p', {}, why),
    list !== undefined && (types.length
      ? h('details', { class: 'types' }, h('summary', {}, `in findings of ${plural(types.length, 'type')}`),
        h('ul', {}, types.map((number) => h('li', {}, jump(data.types[number].name, data.types[number].name)))))
      : h('p', { class: 'if' }, 'Of no finding type that AWS documents today, only of one not known yet.')));
};

const heading = (text, number) => h('h3', {}, text, ' ', number !== undefined && h('span', { class: 'number' }, number));
const counts = (title, rows) => rows.length > 0 && h('div', {}, h('p', { class: 'crumb' }, title),
  h('ul', { class: 'counts' }, rows.map(([text, number]) => h('li', {}, h('b', {}, number.toLocaleString('en')), h('span', {}, text)))));

// Bars by day, joined to at most 90 bars.
const spark = (days) => {
  const names = Object.keys(days);
  if (names.length < 2) return null;
  const start = Date.parse(names[0]);
  const span = Math.round((Date.parse(names.at(-1)) - start) / 864e5) + 1;
  const step = Math.ceil(span / 90);
  const bars = new Array(Math.ceil(span / step)).fill(0);
  for (const [day, number] of Object.entries(days)) bars[Math.floor((Date.parse(day) - start) / 864e5 / step)] += number;
  const top = Math.max(...bars);
  const width = 540 / bars.length;
  return svg('svg', { class: 'spark', viewBox: '0 0 540 54', role: 'img', 'aria-label': `Findings by day from ${names[0]} to ${names.at(-1)}, at most ${top}` },
    ...bars.map((number, place) => svg('rect', {
      x: (place * width).toFixed(1), width: Math.max(width - 1, 1).toFixed(1),
      y: (40 - (number / top) * 38).toFixed(1), height: ((number / top) * 38).toFixed(1),
    })),
    svg('text', { x: 0, y: 52 }, names[0]), svg('text', { x: 540, y: 52, 'text-anchor': 'end' }, names.at(-1)));
};

const observedBlock = (technique, tactic) => {
  const seen = data.observed?.cells[`${technique} ${tactic}`];
  if (!seen) return null;
  return h('section', { class: 'item' },
    h('h4', {}, 'Observed'),
    h('dl', { class: 'facts' },
      h('dt', {}, 'Findings'), h('dd', {}, `${seen.findings.toLocaleString('en')}, seen ${plural(seen.occurrences, 'time')}`),
      h('dt', {}, 'First'), h('dd', {}, seen.first ? `${seen.first} UTC` : 'unknown'),
      h('dt', {}, 'Last'), h('dd', {}, seen.latest ? `${seen.latest} UTC` : 'unknown'),
      h('dt', {}, 'Accounts'), h('dd', {}, seen.accounts.toLocaleString('en'))),
    spark(seen.days),
    counts('Finding types', seen.types),
    counts(seen.accounts > seen.byAccount.length ? `Accounts (${seen.byAccount.length} of ${seen.accounts})` : 'Accounts', seen.byAccount),
    counts('Resources', seen.resources),
    counts('Evidence', seen.evidence));
};

const cellBlock = ([technique, tactic, types, rules]) => {
  const order = (rows) => rows.toSorted((a, b) => a[1] - b[1]);
  const active = order(types.filter(([type]) => !data.types[type].retired));
  const retired = order(types.filter(([type]) => data.types[type].retired));
  return h('section', { class: 'rules-list' },
    heading(tacticName(tactic), `${plural(active.length, 'finding type')}, ${plural(rules.length, 'evidence rule')}`),
    observedBlock(technique, tactic),
    !active.length && h('p', { class: 'crumb' }, 'No active finding type names this technique; it is seen only where the evidence in a finding matches a rule.'),
    active.map(typeItem),
    rules.length > 0 && h('p', { class: 'crumb' }, 'Evidence rules that lead here:'),
    order(rules).map(ruleItem),
    retired.length > 0 && h('details', { class: 'types' }, h('summary', {}, plural(retired.length, 'retired type')), retired.map(typeItem)));
};

const techniqueView = (id, tactic) => {
  const parent = parentOf(id);
  const rows = release().cells.filter((row) => row[0] === id).sort((a, b) => (b[1] === tactic) - (a[1] === tactic));
  const known = new Set(rows.map((row) => row[1]));
  const others = Object.keys(data.observed?.cells ?? {}).map((key) => key.split(' ')).filter(([key, of]) => key === id && !known.has(of));
  const subs = Object.keys(release().techniques).filter((key) => parentOf(key) === id);
  const covered = new Map(release().cells.map((row) => [row[0], row]));
  return [
    h('p', { class: 'crumb' }, parent ? [jump(parent, `${parent} ${nameOf(parent)}`), ' / '] : null, h('span', { class: 'id' }, id)),
    h('h2', { id: 'details-title', tabindex: '-1' }, nameOf(id)),
    h('p', { class: 'links' }, outLink(urlOf(id), 'attack.mitre.org'), h('span', { class: 'crumb' }, `ATT&CK ${state.release}`)),
    rows.map(cellBlock),
    others.map(([technique, of]) => h('section', {}, heading(tacticName(of), 'GuardDuty states it in its findings'), observedBlock(technique, of))),
    !rows.length && !others.length && h('p', {}, 'No finding type and no evidence rule names this technique itself.'),
    subs.length > 0 && h('section', {}, heading('Sub-techniques'), h('ul', {}, subs.map((key) =>
      h('li', {}, covered.has(key) ? jump(key, `${key} ${nameOf(key)}`) : h('span', { class: 'crumb' }, `${key} ${nameOf(key)}, not covered`))))),
  ];
};

const typeView = (index) => {
  const type = data.types[index];
  const entries = release().cells.flatMap((row) => row[2].filter((entry) => entry[0] === index).map((entry) => [row, entry[1]]));
  const rules = release().cells
    .map((row) => [row, row[3].filter((rule) => data.lists[rule[2]].includes(index)).map(([number, confidence]) => [number, confidence])])
    .filter(([, found]) => found.length)
    .sort((a, b) => b[1].length - a[1].length);
  const best = entries.length ? Math.min(...entries.map((entry) => entry[1])) : null;
  return [
    h('p', { class: 'crumb' }, `Finding type, ${type.file}`),
    h('h2', { id: 'details-title', tabindex: '-1' }, type.name),
    chips(type, best),
    h('section', { class: 'rules-list' }, heading('Techniques'),
      entries.length ? h('ul', {}, entries.map(([[technique, tactic], confidence]) => h('li', {},
        h('span', { class: `chip ${CONFIDENCES[confidence]}` }, CONFIDENCES[confidence]), ' ',
        jump(technique, `${technique} ${nameOf(technique)}`), h('span', { class: 'crumb' }, `  ${tacticName(tactic)}`))))
        : h('p', {}, 'None: a reviewed gap, no technique applies.')),
    h('section', { class: 'rules-list' }, heading('Why'), typeBody(type)),
    h('section', { class: 'rules-list' },
      heading('Evidence rules', rules.length ? `that refine it, by technique` : 'none refines it'),
      rules.map(([[technique, tactic], found]) => h('details', { class: 'types' },
        h('summary', {}, `${technique} ${nameOf(technique)}, ${tacticName(tactic)} `, h('span', { class: 'crumb' }, plural(found.length, 'rule'))),
        jump(technique, 'open the technique'),
        found.map(ruleItem)))),
    h('p', { class: 'crumb' },
      `Record reviewed ${type.reviewed || 'on an unknown day'}, provenance ${type.provenance}.`,
      type.read && ` Severity, data source and plan read in the user guide on ${type.read}.`),
  ];
};

// Open what the address names after its #; return whether there is such a thing.
const openTarget = (target, tactic = null) => {
  const content = byName.has(target) ? typeView(byName.get(target))
    : Object.hasOwn(release().techniques, target) ? techniqueView(target, tactic) : null;
  if (!content) return false;
  if (!dialog.open) opener = document.activeElement;
  $('details-body').replaceChildren(...content.flat(3).filter(Boolean));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  $('details-title').focus();
  return true;
};

const target = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return location.hash.slice(1);
  }
};
// Open at once, and state it in the address; a browser that forbids that follows the address instead.
const go = (name, tactic = null) => {
  openTarget(name, tactic);
  try {
    if (target() !== name) history.pushState(null, '', `#${encodeURI(name)}`);
  } catch {
    location.hash = encodeURI(name);
  }
};
const followAddress = () => {
  if (!target() || target() === 'matrix') {
    if (dialog.open) dialog.close();
  } else openTarget(target());
};

addEventListener('hashchange', followAddress);
$('close').addEventListener('click', () => dialog.close());
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
dialog.addEventListener('close', () => {
  if (target()) history.replaceState(null, '', location.pathname + location.search);
  if (opener?.isConnected) opener.focus();
});
