// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { api, getOne, may, post } from '../api';
import { plural } from '../format';
import { useLoad } from '../hooks';
import { go, setQuery, to, usePlace } from '../router';
import type { Batch, Job, Result, Status } from '../types';
import { Badge, Facts, Failure, Field, Head, Loading, Segments, Time } from '../ui/basic';
import { FormDialog } from '../ui/dialog';
import { Download } from '../ui/download';
import { EndlessGrid, useEndless } from '../ui/endless';
import type { Column } from '../ui/grid';
import { JobGrid } from './jobs';
import { ResultGrid } from './results';

const STATUSES: Status[] = ['queued', 'running', 'completed', 'failed', 'cancelled'];
const jobsOf = (batch: Batch): number => STATUSES.reduce((sum, status) => sum + batch.jobs[status], 0);

function Counts({ batch }: { batch: Batch }): JSX.Element {
  const there = STATUSES.filter((status) => batch.jobs[status] > 0);
  return (
    <span class="counts">
      {there.length === 0 && <span class="muted">no jobs</span>}
      {there.map((status) => (
        <Badge key={status} of={status} n={batch.jobs[status]} />
      ))}
    </span>
  );
}

const columns: Column<Batch>[] = [
  {
    key: 'name',
    title: 'Batch',
    width: 'minmax(12rem, 2fr)',
    cell: (batch) => (
      <a href={to('batches', batch.id)} tabIndex={-1}>
        {batch.name}
      </a>
    ),
  },
  { key: 'media', title: 'Description', width: 'minmax(6rem, 1fr)', cell: (batch) => batch.description ?? '' },
  { key: 'jobs', title: 'Jobs', width: 'minmax(25rem, 3fr)', cell: (batch) => <Counts batch={batch} /> },
  { key: 'created', title: 'Created', width: '8.5rem', cell: (batch) => <Time at={batch.created_at} /> },
];

export function Batches(): JSX.Element {
  const query = useMemo(() => ({}), []);
  const batches = useEndless<Batch>(api`/batches`, query);
  const [making, setMaking] = useState(false);
  const make = async (data: FormData) => {
    const description = String(data.get('description')).trim();
    const batch = await post<Batch>(api`/batches`, { name: data.get('name'), ...(description && { description }) });
    setMaking(false);
    go(to('batches', batch.id));
  };
  return (
    <div class="page list">
      <Head title="Batches">
        <button type="button" onClick={batches.reload}>
          Refresh
        </button>
        {may('write') && (
          <button type="button" class="primary" onClick={() => setMaking(true)}>
            New batch…
          </button>
        )}
      </Head>
      <EndlessGrid
        label="Batches"
        of={batches}
        columns={columns}
        open={(batch) => go(to('batches', batch.id))}
        none="There are no batches yet."
      />
      {making && (
        <FormDialog title="New batch" verb="Make it" close={() => setMaking(false)} submit={make}>
          <Field label="Name">
            <input name="name" required maxLength={255} autocomplete="off" />
          </Field>
          <Field label="Description">
            <textarea name="description" rows={3} maxLength={20000} />
          </Field>
        </FormDialog>
      )}
    </div>
  );
}

function JobsInside({ id }: { id: string }): JSX.Element {
  const jobs = useEndless<Job>(api`/jobs`, useMemo(() => ({ batch: id }), [id]));
  return <JobGrid of={jobs} label="Jobs of the batch" none="The batch has no jobs." />;
}

function ResultsInside({ id }: { id: string }): JSX.Element {
  const results = useEndless<Result>(api`/results`, useMemo(() => ({ batch: id, state: 'any' }), [id]));
  return <ResultGrid of={results} label="Results of the batch" none="The batch has no results." />;
}

export function BatchPage({ id }: { id: string }): JSX.Element {
  const { value: batch, problem, reload } = useLoad(id, (signal) => getOne<Batch>('batches', id, signal));
  const tab = usePlace().query.get('tab') ?? 'jobs';
  if (problem) return <Failure problem={problem} retry={reload} />;
  if (!batch) return <Loading />;
  return (
    <div class="page list">
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/batches">Batches</a>
      </nav>
      <Head title={batch.name}>
        {jobsOf(batch) > 0 && (
          <Download from={api`/batches/${batch.id}/archive.zip`} primary>
            Download all (ZIP)
          </Download>
        )}
      </Head>
      <Facts
        rows={[
          ...(batch.description ? [['Description', batch.description] as [string, string]] : []),
          [plural(jobsOf(batch), 'job'), <Counts batch={batch} />],
          ['Created', <Time at={batch.created_at} />],
        ]}
      />
      <Segments label="Show" choices={{ jobs: 'Jobs', results: 'Results' }} chosen={tab} choose={(one) => setQuery({ tab: one })} />
      {tab === 'results' ? <ResultsInside id={id} /> : <JobsInside id={id} />}
    </div>
  );
}
