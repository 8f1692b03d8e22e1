// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { askToPurge, askToRestore, restoreJob } from '../actions';
import { api, get, may } from '../api';
import { bytes, count, duration, plural } from '../format';
import { useLoad } from '../hooks';
import { go, setQuery, to, usePlace } from '../router';
import type { Job, Result, Usage } from '../types';
import { Badge, Bytes, Head, Segments, Time } from '../ui/basic';
import { EndlessGrid, useEndless } from '../ui/endless';
import type { Column } from '../ui/grid';
import { sayFailure } from '../ui/toast';

const QUERY = { deleted: 'true' };

function Results({ changed }: { changed: () => void }): JSX.Element {
  const results = useEndless<Result>(api`/results`, useMemo(() => ({ ...QUERY, state: 'any' }), []));
  const gone = (id: string) => {
    results.change((rows) => rows.filter((row) => row.id !== id));
    changed();
  };
  const columns: Column<Result>[] = [
    {
      key: 'name',
      title: 'Name',
      width: 'minmax(10rem, 3fr)',
      cell: (result) => (
        <a href={to('results', result.id)} tabIndex={-1} title={result.name}>
          {result.name}
        </a>
      ),
    },
    { key: 'state', title: 'State', width: '9.5rem', cell: () => <Badge of="deleted" /> },
    { key: 'size', title: 'Size', width: '6.5rem', number: true, cell: (result) => <Bytes n={result.size} /> },
    { key: 'deleted', title: 'Deleted', width: '8.5rem', cell: (result) => <Time at={result.deleted_at} /> },
    {
      key: 'actions',
      title: 'Actions',
      width: '17rem',
      cell: (result) =>
        may('delete') && (
          <span class="row-actions">
            <button type="button" class="small" aria-label={`Restore ${result.name}`} onClick={() => askToRestore(result, () => gone(result.id)).catch(sayFailure)}>
              Restore
            </button>
            <button type="button" class="small danger" aria-label={`Delete for good… ${result.name}`} onClick={() => askToPurge(result, () => gone(result.id))}>
              Delete for good…
            </button>
          </span>
        ),
    },
  ];
  return (
    <EndlessGrid
      label="Deleted results"
      of={results}
      columns={columns}
      cardHeight={112}
      open={(result) => go(to('results', result.id))}
      none="No results are in the trash."
    />
  );
}

function Jobs({ changed }: { changed: () => void }): JSX.Element {
  const jobs = useEndless<Job>(api`/jobs`, QUERY);
  const back = (job: Job) =>
    restoreJob(job).then(() => {
      jobs.change((rows) => rows.filter((row) => row.id !== job.id));
      changed();
    }, sayFailure);
  const columns: Column<Job>[] = [
    {
      key: 'name',
      title: 'Job',
      width: 'minmax(10rem, 3fr)',
      cell: (job) => (
        <a href={to('jobs', job.id)} tabIndex={-1}>
          {job.reference_id ?? `${job.kind} ${job.id.slice(-8)}`}
        </a>
      ),
    },
    { key: 'state', title: 'State', width: '9.5rem', cell: () => <Badge of="deleted" /> },
    { key: 'results', title: 'Results', width: '6.5rem', number: true, cell: (job) => count(job.results.length) },
    { key: 'deleted', title: 'Deleted', width: '8.5rem', cell: (job) => <Time at={job.deleted_at} /> },
    {
      key: 'actions',
      title: 'Actions',
      width: '8rem',
      cell: (job) =>
        may('delete') && (
          <button type="button" class="small" aria-label={`Restore ${job.reference_id ?? job.kind}`} onClick={() => back(job)}>
            Restore
          </button>
        ),
    },
  ];
  return <EndlessGrid label="Deleted jobs" of={jobs} columns={columns} cardHeight={112} open={(job) => go(to('jobs', job.id))} none="No jobs are in the trash." />;
}

export function Trash(): JSX.Element {
  const { value: usage, reload } = useLoad('usage', (signal) => get<Usage>(api`/usage`, {}, signal));
  const tab = usePlace().query.get('tab') ?? 'results';
  return (
    <div class="page list">
      <Head title="Trash" />
      <p class="muted">
        {usage && `${plural(usage.trash.results, 'result')} of ${bytes(usage.trash.bytes)}. `}
        {usage && `What is deleted can be restored for ${duration(usage.lifetimes.trash)}; then it is gone.`}
      </p>
      <Segments label="Show" choices={{ results: 'Results', jobs: 'Jobs' }} chosen={tab} choose={(one) => setQuery({ tab: one })} />
      {tab === 'jobs' ? <Jobs changed={reload} /> : <Results changed={reload} />}
    </div>
  );
}
