// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { api, may, type Query } from '../api';
import { go, to, usePlace } from '../router';
import type { Result } from '../types';
import { Badge, Bytes, Head, Time } from '../ui/basic';
import { type Endless, EndlessGrid, useEndless } from '../ui/endless';
import { type Filter, Filters, queryOf } from '../ui/filters';
import type { Column } from '../ui/grid';

const FILTERS: Filter[] = [
  { name: 'name', label: 'Name' },
  {
    name: 'state',
    label: 'State',
    choices: [
      ['', 'available'],
      ['consumed', 'acknowledged'],
      ['expired', 'expired'],
      ['any', 'any'],
    ],
  },
  { name: 'type', label: 'Type' },
  { name: 'kind', label: 'Kind of job' },
  { name: 'created_after', label: 'From', kind: 'date' },
  { name: 'created_before', label: 'Before', kind: 'date' },
  { name: 'job', label: 'Job', kind: 'given' },
  { name: 'batch', label: 'Batch', kind: 'given' },
];

const state = (result: Result): string => (result.deleted_at ? 'deleted' : result.state);

export const resultColumns: Column<Result>[] = [
  {
    key: 'name',
    title: 'Name',
    width: 'minmax(12rem, 3fr)',
    cell: (result) => (
      <a href={to('results', result.id)} tabIndex={-1} title={result.name}>
        {result.name}
      </a>
    ),
  },
  { key: 'state', title: 'State', width: '9.5rem', cell: (result) => <Badge of={state(result)} /> },
  { key: 'size', title: 'Size', width: '6.5rem', number: true, cell: (result) => <Bytes n={result.size} /> },
  { key: 'media', title: 'Media type', width: 'minmax(6rem, 1fr)', cell: (result) => result.media_type },
  { key: 'created', title: 'Created', width: '8.5rem', cell: (result) => <Time at={result.created_at} /> },
  {
    key: 'expires',
    title: 'Expires',
    width: '8.5rem',
    cell: (result) => (result.keep ? <Badge of="kept" /> : <Time at={result.expires_at} none="never" />),
  },
];

export function ResultGrid({ of, label, none }: { of: Endless<Result>; label: string; none: JSX.Element | string }): JSX.Element {
  return <EndlessGrid label={label} of={of} columns={resultColumns} open={(result) => go(to('results', result.id))} none={none} />;
}

export function Results(): JSX.Element {
  const { query } = usePlace();
  const asked: Query = useMemo(() => queryOf(query, FILTERS), [query.toString()]);
  const results = useEndless<Result>(api`/results`, asked);
  return (
    <div class="page list">
      <Head title="Results">
        <button type="button" onClick={results.reload}>
          Refresh
        </button>
        {may('write') && (
          <a class="button primary" href="#/upload">
            Upload
          </a>
        )}
      </Head>
      <Filters filters={FILTERS} />
      <ResultGrid
        of={results}
        label="Results"
        none={
          <>
            <p>No results match.</p>
            <p class="muted">Acknowledged and expired ones are shown when the state says so.</p>
          </>
        }
      />
    </div>
  );
}
