// SPDX-License-Identifier: Apache-2.0
// A JSON document as a tree, of which only what is opened is drawn.
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { count, plural } from '../format';
import { Exact, type Json, Members } from '../json';

const STEP = 100; // members of one object or array that are shown at a time

function isBranch(value: Json): value is Json[] | Members {
  return Array.isArray(value) || value instanceof Members;
}

function Leaf({ value }: { value: Json }): JSX.Element {
  if (value instanceof Exact) return <span class="json-number">{value.text}</span>;
  if (typeof value === 'string') return <span class="json-string">{JSON.stringify(value)}</span>;
  return <span class="json-word">{String(value)}</span>;
}

function Node({ name, value, open }: { name: string | null; value: Json; open: boolean }): JSX.Element {
  const [isOpen, setOpen] = useState(open);
  const [shown, setShown] = useState(STEP);
  const label = name === null ? null : <span class="json-key">{name}: </span>;
  if (!isBranch(value)) {
    return (
      <li>
        {label}
        <Leaf value={value} />
      </li>
    );
  }
  const members: [string, Json][] = Array.isArray(value)
    ? value.slice(0, shown).map((item, i) => [String(i), item])
    : value.list.slice(0, shown);
  const length = Array.isArray(value) ? value.length : value.list.length;
  const what = Array.isArray(value) ? plural(length, 'item') : plural(length, 'member');
  return (
    <li>
      <details open={isOpen} onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
        <summary>
          {label}
          <span class="muted">
            {Array.isArray(value) ? '[…]' : '{…}'} {what}
          </span>
        </summary>
        {isOpen && (
          <ul>
            {members.map(([key, item], i) => (
              <Node key={i} name={key} value={item} open={false} />
            ))}
            {length > shown && (
              <li>
                <button type="button" class="small" onClick={() => setShown(shown + 10 * STEP)}>
                  Show more of {count(length - shown)}
                </button>
              </li>
            )}
          </ul>
        )}
      </details>
    </li>
  );
}

export function Tree({ value }: { value: Json }): JSX.Element {
  return (
    <ul class="tree">
      <Node name={null} value={value} open />
    </ul>
  );
}
