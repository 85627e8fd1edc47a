// The search box: it filters the matrix, and lists what it finds.
const input = $('search');
const list = $('results');
const MOST_RESULTS = 40;
let options = [];
let active = -1;

// Rank: the id or name itself, then its beginning, then any place.
const rankOf = (texts, words) => {
  let rank = 0;
  for (const word of words) {
    const best = Math.min(...texts.map((text) => {
      const place = text.indexOf(word);
      if (place < 0) return 9;
      return text === word ? 0 : place === 0 ? 1 : /[^a-z0-9]/.test(text[place - 1]) ? 2 : 3;
    }));
    if (best === 9) return null;
    rank += best;
  }
  return rank;
};

const find = (words) => {
  const found = [];
  const cells = new Map();
  for (const [technique, , types] of release().cells) cells.set(technique, (cells.get(technique) ?? 0) + types.length);
  for (const id of Object.keys(release().techniques)) {
    const rank = rankOf([id.toLowerCase(), nameOf(id).toLowerCase()], words);
    if (rank !== null) found.push({ rank: rank + (cells.has(id) ? 0 : 20), target: id, title: `${id} ${nameOf(id)}`, note: cells.has(id) ? 'technique' : 'technique, not covered' });
  }
  for (const type of data.types) {
    const rank = rankOf([type.name.toLowerCase()], words);
    if (rank !== null) found.push({ rank: rank + 0.5 + (type.retired ? 5 : 0), target: type.name, title: type.name, note: type.retired ? 'finding type, retired' : 'finding type' });
  }
  return found.sort((a, b) => a.rank - b.rank || a.title.length - b.title.length || a.title.localeCompare(b.title));
};

const choose = (number) => {
  active = number;
  options.forEach((option, place) => option.setAttribute('aria-selected', String(place === number)));
  input.setAttribute('aria-activedescendant', options[number]?.id ?? '');
  options[number]?.scrollIntoView({ block: 'nearest' });
};
const hideResults = () => {
  list.hidden = true;
  input.setAttribute('aria-expanded', 'false');
  input.removeAttribute('aria-activedescendant');
};
const showResults = () => {
  const found = state.words.length ? find(state.words) : [];
  options = found.slice(0, MOST_RESULTS).map((item, place) =>
    h('li', { id: `result-${place}`, role: 'option', 'data-target': item.target, 'aria-selected': 'false' },
      marked(item.title, state.words), h('small', {}, item.note)));
  list.replaceChildren(...options);
  list.hidden = !options.length;
  input.setAttribute('aria-expanded', String(options.length > 0));
  if (options.length) choose(0);
  return found.length;
};

input.addEventListener('input', () => {
  state.words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const number = showResults();
  render();
  if (state.words.length) $('status').textContent = `${plural(number, 'result')}.`;
});
input.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault();
    if (list.hidden) showResults();
    else choose((active + (event.key === 'ArrowDown' ? 1 : -1) + options.length) % options.length);
  } else if (event.key === 'Enter' && options[active]) {
    hideResults();
    go(options[active].dataset.target);
  } else if (event.key === 'Escape') {
    if (!list.hidden) hideResults();
    else if (input.value) { input.value = ''; input.dispatchEvent(new Event('input')); }
    event.preventDefault();
  }
});
input.addEventListener('focus', () => { if (state.words.length) showResults(); });
input.addEventListener('blur', hideResults);
list.addEventListener('mousedown', (event) => {
  event.preventDefault();
  const option = event.target.closest('[role=option]');
  if (option) { hideResults(); go(option.dataset.target); }
});
