// The matrix, its headline, legend and filters.
const matrix = $('matrix');
const KINDS = [
  ['type', 'named by an active type'],
  ['rule', 'only by an evidence rule'],
  ['retired', 'only by a retired type'],
];

const group = (cells) => {
  // One entry per technique and tactic, with the visible sub-techniques under it.
  const rows = new Map();
  const row = (technique, tactic) => {
    const key = `${technique} ${tactic}`;
    if (!rows.has(key)) rows.set(key, { technique, tactic, own: null, subs: [] });
    return rows.get(key);
  };
  for (const cell of cells) {
    const parent = parentOf(cell.technique);
    if (parent) row(parent, cell.tactic).subs.push(cell);
    else row(cell.technique, cell.tactic).own = cell;
  }
  return [...rows.values()];
};

const RANK = { type: 0, rule: 1, retired: 2, seen: 3 };
const summary = (row, folded) => {
  // What a technique's cell shows: itself, and what is folded under it.
  const cells = [row.own, ...(folded ? row.subs : [])].filter(Boolean);
  if (!cells.length) return { kind: 'none', confidence: 3, count: 0, heat: 0 };
  const kind = cells.map((cell) => cell.kind).sort((a, b) => RANK[a] - RANK[b])[0];
  const types = new Set(cells.flatMap((cell) => (kind === 'retired' ? cell.retired : cell.active).map((entry) => entry[0])));
  return {
    kind,
    confidence: Math.min(...cells.filter((cell) => cell.kind === kind).map((cell) => cell.confidence)),
    count: types.size,
    heat: cells.reduce((all, cell) => Math.max(all, cell.heat?.value ?? 0), 0),
  };
};
const shade = (view) => (view.kind === 'type' ? CONFIDENCES[view.confidence] : view.kind);
const spoken = (view) => ({
  type: `${view.count === 1 ? 'finding type' : 'finding types'}, ${CONFIDENCES[view.confidence]} confidence`,
  rule: 'only by an evidence rule', retired: 'only by retired types', seen: 'observed only', none: 'not itself covered',
})[view.kind];

// Soft hyphens in long words, for browsers without a dictionary to hyphenate by.
const breakable = (text) => (state.words.length ? text
  : text.replace(/(?<=[a-z]{4})(?=(?:structure|tication|strations?|nications?|ported|sance|phishing|opment|lishment|entials|itories|agement|nections?|crypted|istence|horized|Shell|tion|ture)\b)/g, '\u00ad'));

const cellItem = (technique, tactic, view, subs, top) => {
  const key = `${technique} ${tactic}`;
  const unfolded = subs.length > 0 && isUnfolded(key);
  const open = h('button', {
    class: 'open', type: 'button', 'data-key': key, onclick: () => go(technique, tactic),
  },
  h('span', { class: 'name' }, marked(breakable(nameOf(technique)), state.words)),
  h('span', { class: 'meta' },
    h('span', { class: 'id' }, marked(state.words.length ? technique : technique.replace(/^.*(?=\.)/, ''), state.words)),
    h('span', { class: 'count' }, view.count || (view.kind === 'rule' ? 'rule' : '')),
    h('span', { class: 'hidden-text' }, ` ${spoken(view)} `)));
  if (view.heat > 0) {
    const line = h('i');
    line.style.width = `${(100 * Math.log1p(view.heat)) / Math.log1p(top)}%`;
    open.append(h('span', { class: 'heat' }, h('span', { class: 'track' }, line), h('b', { class: 'fired' }, short(view.heat)), h('span', { class: 'hidden-text' }, ` ${state.heat} observed`)));
  }
  const head = h('div', { class: `head ${shade(view)}${subs.length ? ' has-subs' : ''}${view.heat ? ' has-heat' : ''}` },
    open,
    subs.length > 0 && h('button', {
      class: 'fold', type: 'button', 'aria-expanded': String(unfolded), 'data-fold': key, onclick: () => fold(key),
    }, h('span', { 'aria-hidden': 'true' }, unfolded ? '▾' : '▸'), `${subs.length}`,
    h('span', { class: 'hidden-text' }, ` ${subs.length === 1 ? 'sub-technique' : 'sub-techniques'} of ${nameOf(technique)}`)));
  return h('li', { class: 'cell' }, head,
    unfolded && h('ul', { class: 'subs' }, subs.map((sub) => cellItem(sub.technique, tactic, summary({ own: sub, subs: [] }, false), [], top))));
};
const short = (number) => (number < 1000 ? String(number) : number < 1e6 ? `${Math.floor(number / 1000)}k` : `${Math.floor(number / 1e6)}M`);
const isUnfolded = (key) => state.unfoldAll !== state.unfolded.has(key) || state.words.length > 0;
const fold = (key) => {
  state.unfolded.has(key) ? state.unfolded.delete(key) : state.unfolded.add(key);
  render();
  matrix.querySelector(`[data-fold="${CSS.escape(key)}"]`)?.focus();
};

const column = ([id, name], rows, shown, top) => {
  const all = Object.entries(release().techniques).filter(([, row]) => row.includes(id, 1)).map(([key]) => key);
  const covered = new Set(shown.filter((cell) => cell.tactic === id && (cell.kind === 'type' || cell.kind === 'rule')).map((cell) => cell.technique));
  const byType = shown.filter((cell) => cell.tactic === id && cell.kind === 'type').length;
  const present = new Set(shown.filter((cell) => cell.tactic === id).map((cell) => cell.technique));
  const rest = all.filter((key) => !present.has(key));
  const bar = h('div', { class: 'bar' }, h('i', { class: 'by-type' }), h('i', { class: 'by-rule' }));
  bar.children[0].style.width = `${(100 * byType) / all.length}%`;
  bar.children[1].style.width = `${(100 * (covered.size - byType)) / all.length}%`;
  const views = rows.filter((row) => row.tactic === id).map((row) => ({ row, view: summary(row, !isUnfolded(`${row.technique} ${id}`)), whole: summary(row, true) }));
  views.sort((a, b) => RANK[a.whole.kind] - RANK[b.whole.kind] || b.whole.count - a.whole.count
    || a.whole.confidence - b.whole.confidence || nameOf(a.row.technique).localeCompare(nameOf(b.row.technique)));
  const openRest = state.rest.has(id);
  return h('section', { class: 'tactic', 'data-tactic': id, 'aria-labelledby': `tactic-${id}` },
    h('header', {}, h('h2', { id: `tactic-${id}`, lang: 'en' }, marked(breakable(name), state.words)),
      h('p', { class: 'share' }, h('b', {}, `${covered.size} of ${all.length}`), h('span', {}, ` ${byType} by type`)), bar),
    h('ul', { class: 'cells', lang: 'en' }, views.map(({ row, view }) => cellItem(row.technique, id, view, row.subs.sort((a, b) => a.technique.localeCompare(b.technique)), top))),
    rest.length > 0 && !state.words.length && h('button', {
      class: 'uncovered', type: 'button', 'aria-expanded': String(openRest), 'data-rest': id,
      onclick: () => { openRest ? state.rest.delete(id) : state.rest.add(id); render(); matrix.querySelector(`[data-rest="${id}"]`).focus(); },
    }, `${openRest ? '−' : '+'}${rest.length} not shown`, h('span', { class: 'hidden-text' }, ` in ${name}`)),
    openRest && h('ul', { class: 'rest' }, rest.map((key) => h('li', { class: parentOf(key) ? 'sub' : '' }, jump(key, `${key} ${nameOf(key)}`)))));
};

const render = () => {
  const cells = visibleCells();
  const shown = cells.filter((cell) => state.shown[cell.kind] && (!state.onlyObserved || cell.heat) && matches(cell));
  const rows = group(shown);
  const top = Math.max(1, ...shown.map((cell) => cell.heat?.value ?? 0));
  matrix.replaceChildren(...release().tactics.map((tactic) => column(tactic, rows, shown, top)));
  if (!shown.length) matrix.append(h('p', { class: 'nothing' }, 'No technique matches the search and the filters.'));
  renderKinds(cells);
  renderFacets();
  $('reset').hidden = !(state.words.length || Object.values(state.facets).some((chosen) => chosen.size));
  $('status').textContent = `${plural(shown.length, 'cell')} shown.`;
};

const renderKinds = (cells) => {
  const number = (kind) => cells.filter((cell) => cell.kind === kind).length;
  const tile = (pressed, swatch, count, what, onclick, id) =>
    h('button', { type: 'button', 'aria-pressed': String(pressed), onclick, 'data-kind': id }, h('span', { class: `swatch ${swatch}` }), h('b', {}, String(count)), h('span', { class: 'what' }, what));
  const tiles = KINDS.map(([kind, what]) => tile(state.shown[kind], kind === 'type' ? 'high' : kind, number(kind), what, () => { state.shown[kind] = !state.shown[kind]; render(); $('kinds').querySelector(`[data-kind=${kind}]`).focus(); }, kind));
  if (data.observed) {
    tiles.push(tile(state.onlyObserved, 'fired', cells.filter((cell) => cell.heat).length, 'observed: show only these', () => { state.onlyObserved = !state.onlyObserved; render(); $('kinds').querySelector('[data-kind=observed]').focus(); }, 'observed'));
  }
  $('kinds').replaceChildren(...tiles);
};

const renderFacets = () => {
  // The boxes stay as they are, so that the focus does; only what they say changes.
  for (const [key, facet] of Object.entries(FACETS)) {
    const chosen = state.facets[key];
    const box = $(`facet-${key}`);
    box.classList.toggle('used', chosen.size > 0);
    box.querySelector('summary').textContent = facet.label + (chosen.size === 1 ? `: ${[...chosen][0]}` : chosen.size ? `: ${chosen.size}` : '');
    for (const item of box.querySelectorAll('input')) item.checked = chosen.has(item.value);
  }
};
const facetBox = ([key, facet]) => {
  const count = (value) => data.types.filter((type) => !type.retired && facet.of(type).includes(value)).length;
  return h('details', { class: 'facet', id: `facet-${key}`, name: 'facet' }, h('summary', {}, facet.label),
    h('fieldset', {}, h('legend', {}, 'None chosen shows all'),
      facet.all.map((value) => h('label', {},
        h('input', { type: 'checkbox', value, onchange: (event) => { event.target.checked ? state.facets[key].add(value) : state.facets[key].delete(value); render(); } }),
        h('span', {}, value), facet.of && h('small', {}, String(count(value)))))));
};

const renderLegend = () => $('legend').replaceChildren(
  ...CONFIDENCES.map((name) => h('span', {}, h('i', { class: `swatch ${name}` }), `${name} confidence`)),
  h('span', {}, h('i', { class: 'swatch rule' }), 'only by an evidence rule'),
  data.observed ? h('span', {}, h('i', { class: 'fired' }, '12'), state.heat === 'accounts' ? 'accounts observed' : 'findings observed') : '',
  h('span', {}, 'number: finding types'));

const renderHeat = () => {
  if (!data.observed) return;
  const last = data.observed.last.slice(0, 10);
  const from = (days) => new Date(Date.parse(last) - (days - 1) * 864e5).toISOString().slice(0, 10);
  const select = (label, values, onchange) => h('label', {}, label, h('select', { onchange }, values.map(([value, text]) => h('option', { value }, text))));
  $('heat').hidden = false;
  $('heat').replaceChildren(
    select('Heat', [['findings', 'findings'], ['accounts', 'accounts']], (event) => { state.heat = event.target.value; renderLegend(); render(); }),
    last ? select('Days', [['', 'all'], ...[1, 7, 30, 90].map((days) => [from(days), days === 1 ? last : `last ${days} days`])], (event) => { state.window = event.target.value; render(); }) : '');
};

const describe = () => {
  const seen = data.observed;
  $('subtitle').textContent = seen
    ? `${plural(seen.findings, 'finding')} in ${plural(seen.accounts, 'account')}${seen.first ? `, ${seen.first.slice(0, 10)} to ${seen.last.slice(0, 10)}` : ''}; `
      + `${plural(seen.samples, 'sample')} left out, ${seen.unmapped} without a technique, ${seen.archived} archived${seen.outside ? `, ${seen.outside} outside the period` : ''}.`
    : `${data.types.filter((type) => !type.retired).length} active finding types, ATT&CK ${state.release}: a cell is a technique under one of its tactics, of `
      + `${Object.values(release().techniques).reduce((all, row) => all + row.length - 1, 0)} in all.`;
  $('source').textContent = `Mapping ${data.mapping}, ATT&CK ${state.release}. ATT&CK © The MITRE Corporation, reproduced and distributed with its permission. This page makes no request.`;
};

const setTheme = (theme) => {
  document.documentElement.toggleAttribute('data-theme', theme !== 'system');
  if (theme !== 'system') document.documentElement.dataset.theme = theme;
  $('theme').textContent = `Theme: ${theme}`;
  $('theme').dataset.value = theme;
  try { localStorage.setItem('theme', theme); } catch { /* storage is off: the choice lasts as long as the page */ }
};
const savedTheme = () => {
  try { return ['light', 'dark'].includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'system'; } catch { return 'system'; }
};

// Move between cells with the arrow keys: up and down in a tactic, left and right between tactics.
const buttons = (section) => [...section.querySelectorAll('.open')];
const move = (from, key) => {
  const section = from.closest('.tactic');
  const own = buttons(section);
  const place = own.indexOf(from);
  if (key === 'ArrowDown' || key === 'ArrowUp') return own[place + (key === 'ArrowDown' ? 1 : -1)];
  if (key === 'Home') return own[0];
  if (key === 'End') return own.at(-1);
  let next = section;
  do next = key === 'ArrowRight' ? next.nextElementSibling : next.previousElementSibling;
  while (next && !next.querySelector('.open'));
  const middle = (item) => item.getBoundingClientRect().top;
  return next && buttons(next).sort((a, b) => Math.abs(middle(a) - middle(from)) - Math.abs(middle(b) - middle(from)))[0];
};
matrix.addEventListener('keydown', (event) => {
  const from = event.target.closest('.open');
  if (!from || event.ctrlKey || event.metaKey || event.altKey) return;
  const sibling = from.parentElement.querySelector(':scope > .fold');
  if ((event.key === '+' || event.key === '-') && sibling) {
    if ((event.key === '+') === (sibling.getAttribute('aria-expanded') === 'false')) {
      fold(from.dataset.key);
      matrix.querySelector(`[data-key="${CSS.escape(from.dataset.key)}"]`)?.focus();
    }
  } else if (['ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) {
    event.preventDefault();
    move(from, event.key)?.focus();
  }
});
document.addEventListener('keydown', (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === '/' && !typing && !dialog.open) {
    event.preventDefault();
    input.focus();
    input.select();
  } else if (event.key === 'Escape' && !dialog.open) {
    document.querySelectorAll('.facet[open]').forEach((box) => { box.open = false; box.querySelector('summary').focus(); });
  }
});
document.addEventListener('pointerdown', (event) => {
  document.querySelectorAll('.facet[open]').forEach((box) => { if (!box.contains(event.target)) box.open = false; });
});

for (const name of Object.keys(data.releases)) $('release').append(h('option', { value: name, selected: name === state.release }, name));
$('release').addEventListener('change', (event) => { state.release = event.target.value; describe(); render(); });
$('theme').addEventListener('click', () => setTheme({ system: 'dark', dark: 'light', light: 'system' }[$('theme').dataset.value]));
$('print').addEventListener('click', () => print());
$('unfold').addEventListener('click', () => {
  state.unfoldAll = !state.unfoldAll;
  state.unfolded.clear();
  $('unfold').setAttribute('aria-pressed', String(state.unfoldAll));
  render();
});
$('reset').addEventListener('click', () => {
  input.value = '';
  state.words = [];
  for (const chosen of Object.values(state.facets)) chosen.clear();
  render();
  input.focus();
});
$('facets').append(...Object.entries(FACETS).map(facetBox));
setTheme(savedTheme());
describe();
renderLegend();
renderHeat();
render();
followAddress();
