// SPDX-License-Identifier: Apache-2.0
// Small parts that every page is made of.
import { cloneElement, type ComponentChildren, type JSX, type VNode } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Problem } from '../api';
import { bytes, count, exactBytes, exactTime, relative } from '../format';
import { useTick, useTitle } from '../hooks';
import { say } from './toast';

type Children = { children?: ComponentChildren };

export function Time({ at, none = '–' }: { at: string | null | undefined; none?: string }): JSX.Element {
  useTick(30, !!at);
  if (!at) return <span class="muted">{none}</span>;
  return (
    <time dateTime={at} title={exactTime(at)}>
      {relative(at)}
    </time>
  );
}

export function Bytes({ n }: { n: number }): JSX.Element {
  return (
    <span class="number" title={exactBytes(n)}>
      {bytes(n)}
    </span>
  );
}

// The sign says the same as the colour, for who does not see it.
const SIGNS: Record<string, string> = {
  available: '●',
  consumed: '✓',
  expired: '○',
  deleted: '✕',
  queued: '○',
  running: '◐',
  completed: '✓',
  failed: '!',
  cancelled: '✕',
  kept: '◆',
  default: '◆',
  valid: '✓',
  invalid: '!',
  new: '○',
  revoked: '✕',
  deactivated: '○',
  active: '●',
};

// What the API calls consumed is acknowledged in all the words of the page.
const WORDS: Record<string, string> = { consumed: 'acknowledged', new: 'untested' };

export const word = (state: string): string => WORDS[state] ?? state;

export function Badge({ of, n }: { of: string; n?: number }): JSX.Element {
  return (
    <span class={`badge is-${of}`}>
      <span aria-hidden="true">{SIGNS[of] ?? '●'}</span> {n !== undefined && count(n)} {word(of)}
    </span>
  );
}

// The heading of a page, for who reads it by a screen reader or moves by keys: of a page that is still loading there
// is none yet, and until there is nobody else may have taken the focus.
let isAwaited = false;

export function headingTakesFocus(): void {
  const heading = document.querySelector<HTMLElement>('main h1');
  isAwaited = heading === null;
  (heading ?? document.getElementById('main'))?.focus({ preventScroll: true });
}

export function Head({ title, children }: { title: string } & Children): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useTitle(title);
  useEffect(() => {
    if (isAwaited && document.activeElement === document.getElementById('main')) heading.current?.focus({ preventScroll: true });
    isAwaited = false;
  }, []);
  return (
    <header class="page-head">
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children && <div class="actions">{children}</div>}
    </header>
  );
}

export function Failure({ problem, retry }: { problem: Problem; retry?: () => void }): JSX.Element {
  return (
    <div class="failure" role="alert">
      <p>{problem.message}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Loading(): JSX.Element {
  return (
    <p class="muted loading" role="status">
      Loading…
    </p>
  );
}

interface SegmentsProps {
  label: string;
  choices: Record<string, string>; // value and words
  chosen: string;
  choose: (value: string) => void;
}

export function Segments({ label, choices, chosen, choose }: SegmentsProps): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={label}>
      {Object.entries(choices).map(([value, words]) => (
        <button key={value} type="button" aria-pressed={chosen === value} onClick={() => choose(value)}>
          {words}
        </button>
      ))}
    </div>
  );
}

export function Empty({ children }: Children): JSX.Element {
  return <div class="empty">{children}</div>;
}

export function Copy({ text, what }: { text: string; what: string }): JSX.Element {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 2000);
      say(`${what} copied`);
    } catch {
      say(`The browser does not let the page copy; select the ${what} instead`, 'bad');
    }
  };
  return (
    <button type="button" class="small" onClick={copy} aria-label={`${done ? 'Copied' : 'Copy'} ${what}`}>
      {done ? 'Copied' : 'Copy'}
    </button>
  );
}

// A control with its name above it, and with `hint` a word below, which is read after the name.
export function Field({ label, hint, children }: { label: string; hint?: ComponentChildren; children: VNode }): JSX.Element {
  const id = useId();
  const described = hint ? { 'aria-describedby': `${id}-hint` } : {};
  return (
    <div class="field">
      <label class="label" for={id}>
        {label}
      </label>
      {cloneElement(children, { id, ...described })}
      {hint && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }): JSX.Element {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
