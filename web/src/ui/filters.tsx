// SPDX-License-Identifier: Apache-2.0
// Filters of a list. They live in the address of the page, so that it can be kept, sent, and gone back to.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Query } from '../api';
import { useMedia } from '../hooks';
import { setQuery, usePlace } from '../router';

export interface Filter {
  name: string;
  label: string;
  choices?: [string, string][]; // value and words; without them: a text
  kind?: 'text' | 'date' | 'given'; // given: by the address alone, shown while it is
}

const PAUSE = 300; // milliseconds without typing before a text counts

function TextFilter({ filter, value }: { filter: Filter; value: string }): JSX.Element {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (next: string) => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ [filter.name]: next.trim() }, true), PAUSE);
  };
  return (
    <input
      type={filter.kind === 'date' ? 'date' : 'search'}
      class="filter"
      data-filter={filter.name}
      value={text}
      placeholder={filter.kind === 'date' ? '' : 'any; the whole of it'}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => type(event.currentTarget.value)}
    />
  );
}

export function Filters({ filters }: { filters: Filter[] }): JSX.Element {
  const { query } = usePlace();
  const shown = filters.filter(({ name, kind }) => kind !== 'given' || query.get(name));
  const set = filters.filter((filter) => query.get(filter.name)).length;
  const clear = () => setQuery(Object.fromEntries(filters.map((filter) => [filter.name, ''])));
  const narrow = useMedia('(max-width: 700px)');
  const form = (
    <form class="filters" role="search" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {shown.map((filter) => {
        const value = query.get(filter.name) ?? '';
        return (
          <label key={filter.name} class="field">
            <span class="label">{filter.label}</span>
            {filter.choices ? (
              <select value={value} onChange={(event) => setQuery({ [filter.name]: event.currentTarget.value })}>
                {filter.choices.map(([choice, words]) => (
                  <option key={choice} value={choice}>
                    {words}
                  </option>
                ))}
              </select>
            ) : (
              <TextFilter filter={filter} value={value} />
            )}
          </label>
        );
      })}
      {set > 0 && (
        <button type="button" class="clear" onClick={clear}>
          Clear
        </button>
      )}
    </form>
  );
  if (!narrow) return form;
  return (
    <details class="folded">
      <summary>Filters{set > 0 && ` (${set} set)`}</summary>
      {form}
    </details>
  );
}

// What the address says, in the words of the API. Days are the reader's own.
export function queryOf(query: URLSearchParams, filters: Filter[]): Query {
  const given = filters.map(({ name, kind }): [string, string] => {
    const value = query.get(name) ?? '';
    return [name, kind === 'date' && value ? dayStart(value) : value];
  });
  return Object.fromEntries(given);
}

function dayStart(day: string): string {
  const at = new Date(`${day}T00:00:00`);
  return Number.isNaN(at.getTime()) ? day : at.toISOString().replace(/\.\d+Z$/, '.000000Z');
}
