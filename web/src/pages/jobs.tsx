// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { api } from '../api';
import { count } from '../format';
import { go, to, usePlace } from '../router';
import type { Job } from '../types';
import { Badge, Head, Time } from '../ui/basic';
import { type Endless, EndlessGrid, useEndless } from '../ui/endless';
import { type Filter, Filters, queryOf } from '../ui/filters';
import type { Column } from '../ui/grid';

const FILTERS: Filter[] = [
  {
    name: 'status',
    label: 'Status',
    choices: [['', 'any'], ...['queued', 'running', 'completed', 'failed', 'cancelled'].map((s): [string, string] => [s, s])],
  },
  { name: 'kind', label: 'Kind' },
  { name: 'reference_id', label: 'Reference' },
  { name: 'tag', label: 'Tag' },
  { name: 'batch', label: 'Batch', kind: 'given' },
];

function Progress({ job }: { job: Job }): JSX.Element {
  if (job.status !== 'running') return <Badge of={job.deleted_at ? 'deleted' : job.status} />;
  return (
    <span class="running">
      <progress value={job.progress} max={1} aria-label="Progress" /> {Math.floor(job.progress * 100)} %
    </span>
  );
}

const columns: Column<Job>[] = [
  {
    key: 'name',
    title: 'Job',
    width: 'minmax(12rem, 3fr)',
    cell: (job) => (
      <a href={to('jobs', job.id)} tabIndex={-1} title={job.id}>
        {job.reference_id ?? `${job.kind} ${job.id.slice(-8)}`}
      </a>
    ),
  },
  { key: 'state', title: 'Status', width: '9.5rem', cell: (job) => <Progress job={job} /> },
  { key: 'kind', title: 'Kind', width: 'minmax(6rem, 1fr)', cell: (job) => job.kind },
  { key: 'tag', title: 'Tag', width: 'minmax(5rem, 1fr)', cell: (job) => job.tag ?? '' },
  { key: 'results', title: 'Results', width: '5.5rem', number: true, cell: (job) => count(job.results.length) },
  { key: 'created', title: 'Created', width: '8.5rem', cell: (job) => <Time at={job.created_at} /> },
  { key: 'finished', title: 'Finished', width: '8.5rem', cell: (job) => <Time at={job.finished_at} /> },
];

export function JobGrid({ of, label, none }: { of: Endless<Job>; label: string; none: string }): JSX.Element {
  return <EndlessGrid label={label} of={of} columns={columns} open={(job) => go(to('jobs', job.id))} none={none} />;
}

export function Jobs(): JSX.Element {
  const { query } = usePlace();
  const asked = useMemo(() => queryOf(query, FILTERS), [query.toString()]);
  const jobs = useEndless<Job>(api`/jobs`, asked);
  return (
    <div class="page list">
      <Head title="Jobs">
        <button type="button" onClick={jobs.reload}>
          Refresh
        </button>
      </Head>
      <Filters filters={FILTERS} />
      <JobGrid of={jobs} label="Jobs" none="No jobs match." />
    </div>
  );
}
