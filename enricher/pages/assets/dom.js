// Build elements. Text is only ever set as text: the data holds text that attackers wrote.
const h = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};
const svg = (tag, attributes = {}, ...children) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};
const $ = (id) => document.getElementById(id);
const plural = (number, one, many = `${one}s`) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

// Return text with the words found in it marked.
const marked = (text, words) => {
  if (!words.length) return [text];
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return text
    .split(new RegExp(`(${pattern})`, 'i'))
    .map((part, place) => (place % 2 ? h('mark', {}, part) : part))
    .filter((part) => part !== '');
};

// Return a link to another site, or its text where it is not an https address.
const outLink = (url, text) =>
  /^https:\/\//.test(url) ? h('a', { href: url, rel: 'noreferrer noopener', target: '_blank' }, text) : text;
const jump = (target, ...text) => h('a', { class: 'jump', href: `#${encodeURI(target)}` }, ...text);
