// SPDX-License-Identifier: Apache-2.0
// Short words about what has just happened, read out by screen readers.
import type { JSX } from 'preact';
import { problemFrom } from '../hooks';
import { store, useStore } from '../store';

interface Toast {
  id: number;
  text: string;
  kind: 'good' | 'bad';
}

const toasts = store<Toast[]>([]);
let last = 0;

export function say(text: string, kind: Toast['kind'] = 'good'): void {
  const toast = { id: ++last, text, kind };
  toasts.set([...toasts.get().slice(-3), toast]);
  setTimeout(() => dismiss(toast.id), kind === 'bad' ? 12000 : 5000);
}

export const sayFailure = (error: unknown): void => say(problemFrom(error).message, 'bad');

function dismiss(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}

export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useStore(toasts).map(({ id, text, kind }) => (
        <div key={id} class={`toast is-${kind}`}>
          <span>{text}</span>
          <button type="button" class="plain" onClick={() => dismiss(id)} aria-label="Dismiss">
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
