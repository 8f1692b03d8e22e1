// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { askToCancelJob, askToDeleteJob, restoreJob } from '../actions';
import { api, may, request, sameId } from '../api';
import { useEvery, useLoad } from '../hooks';
import { type Json, Members, parseJson } from '../json';
import { Tree } from '../preview/tree';
import { to } from '../router';
import type { Job, Result } from '../types';
import { Badge, Copy, Facts, Failure, Head, Loading, Time } from '../ui/basic';
import { Download } from '../ui/download';
import { useEndless } from '../ui/endless';
import { sayFailure } from '../ui/toast';
import { ResultGrid } from './results';

const POLL = 3; // seconds, while the job is not over

// The input comes back exactly as it was sent, numbers too: it is read from the text of the answer.
interface Loaded {
  job: Job;
  input: Json;
}

async function load(id: string, signal?: AbortSignal): Promise<Loaded> {
  const text = await (await request('GET', api`/jobs/${id}`, { signal })).text();
  const { value } = parseJson(text);
  const input = value instanceof Members ? (value.list.find(([key]) => key === 'input')?.[1] ?? null) : null;
  return { job: sameId(JSON.parse(text) as Job, id), input };
}

function Actions({ job, changed }: { job: Job; changed: () => void }): JSX.Element {
  const isOver = job.status !== 'queued' && job.status !== 'running';
  if (job.deleted_at) {
    const bringBack = () => restoreJob(job).then(changed, sayFailure);
    return (
      <>
        {may('delete') && (
          <button type="button" class="primary" onClick={bringBack}>
            Restore
          </button>
        )}
      </>
    );
  }
  return (
    <>
      {!isOver && may('write') && (
        <button type="button" onClick={() => askToCancelJob(job, changed)}>
          Cancel…
        </button>
      )}
      {may('delete') && (
        <button type="button" class="danger" onClick={() => askToDeleteJob(job, changed)}>
          Delete…
        </button>
      )}
      {job.results.length > 0 && (
        <Download from={api`/jobs/${job.id}/archive.zip`} primary>
          Download all (ZIP)
        </Download>
      )}
    </>
  );
}

function Results({ job }: { job: Job }): JSX.Element {
  const query = useMemo(() => ({ job: job.id, state: 'any', deleted: job.deleted_at ? 'any' : 'false' }), [job.id, job.deleted_at]);
  const results = useEndless<Result>(api`/results`, query);
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) results.reload();
    isFirst.current = false;
  }, [job.status, job.results.length]);
  return <ResultGrid of={results} label="Results of the job" none="The job has no results." />;
}

export function JobPage({ id }: { id: string }): JSX.Element {
  const { value, problem, reload, set } = useLoad(id, (signal) => load(id, signal));
  const isOpen = value?.job.status === 'queued' || value?.job.status === 'running';
  useEvery(POLL, isOpen, () => void load(id).then(set, () => {}));
  if (problem) return <Failure problem={problem} retry={reload} />;
  if (!value) return <Loading />;
  const { job, input } = value;
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/jobs">Jobs</a>
      </nav>
      <Head title={job.reference_id ?? job.kind}>
        <Actions job={job} changed={reload} />
      </Head>
      <p class="badges">
        <Badge of={job.deleted_at ? 'deleted' : job.status} />
        {job.status === 'running' && (
          <span class="running">
            <progress value={job.progress} max={1} aria-label="Progress" /> {Math.floor(job.progress * 100)} %
          </span>
        )}
      </p>
      {job.error && (
        <div class="failure">
          <p>
            <strong>{job.error.code}</strong>: {job.error.message}
          </p>
        </div>
      )}
      <div class="columns">
        <section class="panel results-panel" aria-labelledby="results-title">
          <div class="panel-head">
            <h2 id="results-title">Results</h2>
          </div>
          <Results job={job} />
        </section>
        <div class="side">
          <section class="panel" aria-labelledby="about-title">
            <div class="panel-head">
              <h2 id="about-title">About</h2>
            </div>
            <Facts
              rows={[
                ['Kind', job.kind],
                ['Reference', job.reference_id ?? '–'],
                ['Tag', job.tag ?? '–'],
                ['Priority', String(job.priority_weight)],
                ['Batch', job.batch ? <a href={to('batches', job.batch)}>{job.batch}</a> : '–'],
                ['Made by', job.creator],
                ['Created', <Time at={job.created_at} />],
                ['Started', <Time at={job.started_at} />],
                ['Finished', <Time at={job.finished_at} />],
                [
                  'Id',
                  <span class="digest">
                    <code>{job.id}</code>
                    <Copy text={job.id} what="id" />
                  </span>,
                ],
              ]}
            />
          </section>
          {input !== null && (
            <section class="panel" aria-labelledby="input-title">
              <div class="panel-head">
                <h2 id="input-title">Input</h2>
              </div>
              <Tree value={input} />
            </section>
          )}
        </div>
      </div>
    </div>
  );
}
