// SPDX-License-Identifier: Apache-2.0
// The rows of a table, of which the server is asked for those in sight.
import type { JSX } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { address, api, type Problem, request } from '../api';
import { count, plural } from '../format';
import { problemFrom } from '../hooks';
import { Exact, type Json, Members, parseJson, plainText } from '../json';
import type { Result } from '../types';
import { Empty, Failure, Loading } from '../ui/basic';
import { type Column, Grid } from '../ui/grid';

const PAGE = 100;
const KEPT = 40; // pages in memory
const ROW = 30;
const NARROWEST = 60;
const WIDEST = 320;
const LETTER = 8; // pixels
const MOST_COLUMNS = 200; // of a wider table the first ones are shown: each is in the document for each row in sight

interface TableColumn {
  name: string;
  type: string;
}

interface Rows {
  columns: TableColumn[];
  rows: Json[][];
  total: number;
}

function member(of: Json, name: string): Json {
  return of instanceof Members ? (of.list.find(([key]) => key === name)?.[1] ?? null) : null;
}

const asNumber = (value: Json): number => (value instanceof Exact ? Number(value.text) : 0);
const asList = (value: Json): Json[] => (Array.isArray(value) ? value : []);

function readRows(text: string): Rows {
  const { value } = parseJson(text);
  const columns = asList(member(value, 'columns')).map((column) => ({
    name: plainText(member(column, 'name')),
    type: plainText(member(column, 'type')),
  }));
  return { columns, rows: asList(member(value, 'rows')).map(asList), total: asNumber(member(value, 'total')) };
}

async function fetchRows(id: string, offset: number, signal: AbortSignal): Promise<Rows> {
  const url = address(api`/results/${id}/rows`, { offset, limit: PAGE });
  return readRows(await (await request('GET', url, { signal })).text());
}

function Cell({ value }: { value: Json | undefined }): JSX.Element {
  if (value === undefined || value === null) return <span class="muted">null</span>;
  const text = plainText(value);
  return <span title={text.length > 30 ? text.slice(0, 2000) : undefined}>{text.slice(0, 300)}</span>;
}

// Wide enough for the name and for what the first rows hold.
function widthOf(column: TableColumn, index: number, rows: Json[][]): string {
  const longest = rows.reduce((most, row) => Math.max(most, plainText(row[index] ?? null).length), column.name.length + 1);
  return `${Math.min(WIDEST, Math.max(NARROWEST, longest * LETTER + 24))}px`;
}

function toColumns(first: Rows): Column<Json[]>[] {
  const number: Column<Json[]> = {
    key: 'row',
    title: '#',
    name: 'Row',
    width: `${Math.max(48, String(first.total).length * 9 + 24)}px`,
    number: true,
    cell: (_row, index) => <span class="muted">{count(index + 1)}</span>,
  };
  const shown = first.columns.slice(0, MOST_COLUMNS).map((column, i): Column<Json[]> => ({
    key: `t${i}`,
    title: column.name || <span class="muted">(no name)</span>,
    width: widthOf(column, i, first.rows),
    number: column.type === 'integer' || column.type === 'number',
    cell: (row) => <Cell value={row[i]} />,
  }));
  return [number, ...shown];
}

export function RowsPreview({ result }: { result: Result }): JSX.Element {
  const pages = useRef(new Map<number, Json[][]>());
  const asked = useRef(new Map<number, AbortController>());
  const [first, setFirst] = useState<Rows>();
  const [problem, setProblem] = useState<Problem>();
  const [, redraw] = useState({});

  const load = useCallback(
    async (page: number) => {
      if (pages.current.has(page) || asked.current.has(page)) return;
      const stop = new AbortController();
      asked.current.set(page, stop);
      try {
        const got = await fetchRows(result.id, page * PAGE, stop.signal);
        pages.current.set(page, got.rows);
        const oldest = pages.current.keys().next().value;
        if (pages.current.size > KEPT && oldest !== undefined) pages.current.delete(oldest);
        setFirst((before) => before ?? got);
        setProblem(undefined);
        redraw({});
      } catch (error) {
        if (!stop.signal.aborted) setProblem(problemFrom(error));
      } finally {
        asked.current.delete(page);
      }
    },
    [result.id],
  );
  useEffect(() => {
    void load(0);
    return () => asked.current.forEach((stop) => stop.abort());
  }, [load]);

  const timer = useRef<ReturnType<typeof setTimeout>>();
  const seen = useCallback(
    (begin: number, end: number) => {
      clearTimeout(timer.current);
      const from = Math.floor(begin / PAGE);
      const to = Math.floor(Math.max(begin, end - 1) / PAGE);
      // What scrolled out of sight before it came is not wanted any more.
      asked.current.forEach((stop, page) => (page < from || page > to) && stop.abort());
      timer.current = setTimeout(() => {
        for (let page = from; page <= to; page++) void load(page);
      }, 60);
    },
    [load],
  );
  const columns = useMemo(() => (first ? toColumns(first) : []), [first]);

  if (!first) return problem ? <Failure problem={problem} retry={() => load(0)} /> : <Loading />;
  if (first.total === 0) return <Empty>The table has no rows.</Empty>;
  const hidden = first.columns.length - (columns.length - 1);
  return (
    <>
      {problem && <Failure problem={problem} />}
      <Grid
        label={`Rows of ${result.name}`}
        columns={columns}
        count={first.total}
        total={first.total}
        row={(index) => pages.current.get(Math.floor(index / PAGE))?.[index % PAGE]}
        rowHeight={ROW}
        byCell
        seen={seen}
      />
      <p class="foot muted">
        {plural(first.total, 'row')}, {plural(first.columns.length, 'column')}
        {hidden > 0 && ` (the first ${count(MOST_COLUMNS)} are shown)`}
      </p>
    </>
  );
}
