// SPDX-License-Identifier: Apache-2.0
// What components share of life with the server and the window.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from './api';

export interface Loaded<T> {
  value: T | undefined;
  problem: Problem | undefined;
  reload: () => void;
  set: (value: T) => void;
}

// Loads when it is first drawn and when `key` changes; an answer that comes too late is dropped.
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [value, set] = useState<T>();
  const [problem, setProblem] = useState<Problem>();
  const [round, setRound] = useState(0);
  const shown = useRef(key);
  if (shown.current !== key) {
    shown.current = key;
    set(undefined);
    setProblem(undefined);
  }
  useEffect(() => {
    const stop = new AbortController();
    const begin = async () => load(stop.signal); // what it throws at once is a problem, too
    begin().then(
      (loaded) => {
        if (stop.signal.aborted) return;
        set(loaded);
        setProblem(undefined);
      },
      (error: unknown) => {
        if (!stop.signal.aborted) setProblem(problemFrom(error));
      },
    );
    return () => stop.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { value, problem, reload, set };
}

export function problemFrom(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, 'page', String(error));
}

export function useMedia(query: string): boolean {
  const [matches, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const listen = () => set(media.matches);
    media.addEventListener('change', listen);
    return () => media.removeEventListener('change', listen);
  }, [query]);
  return matches;
}

// Draws anew every so many seconds while `on`.
export function useTick(seconds: number, on = true): void {
  const [, redraw] = useState({});
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => redraw({}), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, on]);
}

export function useEvery(seconds: number, on: boolean, what: () => void): void {
  const latest = useRef(what);
  latest.current = what;
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => document.hidden || latest.current(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, on]);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · resultd`;
  }, [title]);
}
