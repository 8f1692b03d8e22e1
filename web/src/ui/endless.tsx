// SPDX-License-Identifier: Apache-2.0
// Lists that go on as far as one scrolls: pages by cursor, of which what is shown is kept.
import type { ComponentChildren, JSX } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { list, type Path, type Problem, type Query } from '../api';
import { count } from '../format';
import { problemFrom, useMedia } from '../hooks';
import { Empty, Failure, Loading } from './basic';
import { type Column, Grid } from './grid';

export interface Endless<T> {
  rows: T[];
  done: boolean;
  problem: Problem | undefined;
  more: () => void;
  reload: () => void;
  change: (update: (rows: T[]) => T[]) => void;
}

const FIRST_PAGE = 100; // rows: soon there
const PAGE = 500;

export function useEndless<T>(path: Path, query: Query): Endless<T> {
  const [rows, setRows] = useState<T[]>([]);
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [round, setRound] = useState(0);
  const state = useRef({ cursor: '', busy: false, done: false, stop: new AbortController() });
  const key = JSON.stringify([path, query]);
  const shown = useRef(key);

  const more = useCallback(async () => {
    const now = state.current;
    if (now.busy || now.done) return;
    now.busy = true;
    try {
      const isFirst = now.cursor === '';
      const page = await list<T>(path, { ...query, limit: isFirst ? FIRST_PAGE : PAGE, cursor: now.cursor }, now.stop.signal);
      if (now.stop.signal.aborted) return;
      now.cursor = page.next ?? '';
      now.done = page.next === null;
      setRows((before) => (isFirst ? page.data : before.concat(page.data)));
      setDone(now.done);
      setProblem(undefined);
    } catch (error) {
      if (!now.stop.signal.aborted) setProblem(problemFrom(error));
    } finally {
      now.busy = false;
    }
  }, [key, round]);

  useEffect(() => {
    state.current = { cursor: '', busy: false, done: false, stop: new AbortController() };
    const { stop } = state.current;
    if (shown.current !== key) setRows([]); // what is loaded again stays in sight until the answer is there
    shown.current = key;
    setDone(false);
    setProblem(undefined);
    void more();
    return () => stop.abort();
  }, [more]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  return { rows, done, problem, more, reload, change: setRows };
}

interface EndlessGridProps<T> {
  label: string;
  of: Endless<T>;
  columns: Column<T>[];
  open?: (row: T) => void;
  cardHeight?: number;
  none: ComponentChildren; // what stands there when there is nothing
}

const ROW = 40;

export function EndlessGrid<T>({ label, of, columns, open, cardHeight = 84, none }: EndlessGridProps<T>): JSX.Element {
  const narrow = useMedia('(max-width: 700px)');
  const { rows, done, problem, more } = of;
  const near = useCallback(
    (_first: number, end: number) => {
      if (end >= rows.length - PAGE / 2) more();
    },
    [rows.length, more],
  );
  if (problem && rows.length === 0) return <Failure problem={problem} retry={of.reload} />;
  if (done && rows.length === 0) return <Empty>{none}</Empty>;
  if (rows.length === 0) return <Loading />;
  const tail = done ? '' : ' so far';
  return (
    <div class="endless">
      <Grid
        label={label}
        columns={columns}
        count={rows.length}
        {...(done ? { total: rows.length } : {})}
        row={(index) => rows[index]}
        rowHeight={narrow ? cardHeight : ROW}
        cards={narrow}
        {...(open ? { open } : {})}
        seen={near}
      />
      {problem && <Failure problem={problem} retry={more} />}
      <p class="foot muted" role="status">
        {count(rows.length)} loaded{tail}
      </p>
    </div>
  );
}
