// SPDX-License-Identifier: Apache-2.0
// Values that several components show: a component that uses one is drawn anew when it changes.
import { useLayoutEffect, useState } from 'preact/hooks';

export interface Store<T> {
  get(): T;
  set(value: T): void;
  listen(listener: () => void): () => void;
}

export function store<T>(value: T): Store<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener();
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

export function useStore<T>(from: Store<T>): T {
  const [, redraw] = useState({});
  // At once, not after the next frame: a change in between would never be seen.
  useLayoutEffect(() => from.listen(() => redraw({})), [from]);
  return from.get();
}

// A setting of this browser; where it keeps none, it lasts as long as the page.
export function kept(name: string, otherwise: string): Store<string> {
  const key = `resultd.${name}`;
  let first = otherwise;
  try {
    first = localStorage.getItem(key) ?? otherwise;
  } catch {
    // No storage: private windows of some browsers.
  }
  const inner = store(first);
  return {
    ...inner,
    set(value) {
      try {
        localStorage.setItem(key, value);
      } catch {
        // As above.
      }
      inner.set(value);
    },
  };
}
