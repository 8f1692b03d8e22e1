// SPDX-License-Identifier: Apache-2.0
// Places of the page are in the fragment of its address, #/results?state=any: paths of the server are the APIs'.
import { store, useStore } from './store';

export interface Place {
  path: string[]; // ['results', ID]
  query: URLSearchParams;
}

function parse(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const parts = path.split('/').filter(Boolean);
  return { path: parts.map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const place = store(parse());
addEventListener('hashchange', () => place.set(parse()));

export const usePlace = (): Place => useStore(place);

export function to(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export function go(hash: string): void {
  location.hash = hash;
}

// The same page with other parameters; empty ones go. `replace` where each letter typed changes them.
export function setQuery(changes: Record<string, string>, replace = false): void {
  const { path, query } = place.get();
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  const hash = to(...path) + (text ? `?${text}` : '');
  if (!replace) {
    go(hash);
    return;
  }
  history.replaceState(null, '', hash);
  place.set(parse());
}
