// SPDX-License-Identifier: Apache-2.0
// What can be done to results and jobs. Before anything is lost, a dialog says what, and whether it comes back.
import { address, api, get, getOne, post, Problem, put, remove } from './api';
import { bytes, duration, exactTime, plural, relative } from './format';
import { to } from './router';
import type { Job, Result, Usage } from './types';
import { ask } from './ui/dialog';
import { say } from './ui/toast';

// Asked for each time: who runs the server may change them while the page is open.
const lifetimes = async (): Promise<Usage['lifetimes']> => (await get<Usage>(api`/usage`)).lifetimes;

async function restorable(): Promise<string> {
  try {
    return `for ${duration((await lifetimes()).trash)}`;
  } catch {
    return 'until the server empties its trash';
  }
}

async function acknowledge(result: Result): Promise<Result> {
  const changed = await post<Result>(api`/results/${result.id}/ack`, { sha256: result.sha256 });
  say(`${result.name} is acknowledged`);
  return changed;
}

// Where the server keeps what is acknowledged for a shorter time. What is kept stays until it is let go.
export async function askToAcknowledge(result: Result, done: (result: Result) => void): Promise<void> {
  const { expires_at, keep } = result;
  const { consumed } = await lifetimes();
  const end = new Date(Date.now() + (consumed ?? 0) * 1000).toISOString();
  if (consumed === null || keep || (expires_at && Date.parse(expires_at) <= Date.parse(end))) {
    done(await acknowledge(result));
    return;
  }
  ask({
    title: `Acknowledge ${result.name}?`,
    lost: (
      <p>
        What is acknowledged lives for {duration(consumed)} more: <strong>it expires on {exactTime(end)}</strong>, and{' '}
        {expires_at ? `not on ${exactTime(expires_at)}` : 'would not otherwise'}. Then its {bytes(result.size)} cannot be read
        or downloaded any more. That cannot be undone.
      </p>
    ),
    verb: 'Acknowledge',
    async act() {
      done(await acknowledge(result));
    },
  });
}

export async function keep(result: Result): Promise<Result> {
  const changed = await put<Result>(api`/results/${result.id}/keep`);
  say(`${result.name} is kept: it does not expire`);
  return changed;
}

async function letGo(result: Result): Promise<Result> {
  await remove(api`/results/${result.id}/keep`);
  const changed = await getOne<Result>('results', result.id);
  const isExpired = changed.state === 'expired';
  const end = isExpired ? 'has expired' : changed.expires_at ? `expires ${relative(changed.expires_at)}` : 'does not expire';
  say(`${result.name} is kept no longer: it ${end}`);
  return changed;
}

const SOON = 60_000; // milliseconds, by which clocks may differ, too

export async function askToLetGo(result: Result, done: (result: Result) => void): Promise<void> {
  const { expires_at } = result;
  if (!expires_at || Date.parse(expires_at) > Date.now() + SOON) {
    done(await letGo(result));
    return;
  }
  ask({
    title: `Let ${result.name} expire?`,
    lost: (
      <p>
        Its time was over on {exactTime(expires_at)}: <strong>it expires at once</strong>, and its {bytes(result.size)} cannot
        be read or downloaded any more. That cannot be undone.
      </p>
    ),
    verb: 'Let it expire',
    async act() {
      done(await letGo(result));
    },
  });
}

async function restore(result: Result): Promise<Result> {
  const changed = await post<Result>(api`/results/${result.id}/restore`);
  say(`${result.name} is back`);
  return changed;
}

const called = (job: Job): string => job.reference_id ?? job.kind;

// One that was deleted with its job comes back with it alone.
export async function askToRestore(result: Result, done: (result: Result) => void): Promise<void> {
  try {
    done(await restore(result));
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'wrong_state') throw error;
    const job = await get<Job>(api`/jobs/${result.job}`);
    ask({
      title: `Restore the job ${called(job)}, too?`,
      lost: (
        <p>
          {result.name} is a result of the job <a href={to('jobs', result.job)}>{called(job)}</a>, which is deleted. It comes
          back with this job and what was deleted with it.
        </p>
      ),
      verb: 'Restore the job',
      harmless: true,
      async act() {
        await restoreJob(job);
        done(await restore(result));
      },
    });
  }
}

export async function askToDelete(result: Result, done: () => void): Promise<void> {
  const time = await restorable();
  ask({
    title: `Delete ${result.name}?`,
    lost: (
      <p>
        1 result of {bytes(result.size)} cannot be read or downloaded any more, and its links stop working. It can be
        restored from the trash {time}; then it is gone.
      </p>
    ),
    verb: 'Delete',
    async act() {
      await remove(api`/results/${result.id}`);
      say(`${result.name} is in the trash`);
      done();
    },
  });
}

export function askToPurge(result: Result, done: () => void): void {
  ask({
    title: `Delete ${result.name} for good?`,
    lost: (
      <p>
        <strong>1 result of {bytes(result.size)} is lost at once</strong>, its bytes and all that is known of it. It
        cannot be restored.
      </p>
    ),
    verb: 'Delete for good',
    async act() {
      await remove(address(api`/results/${result.id}`, { permanent: true }));
      say(`${result.name} is gone`);
      done();
    },
  });
}

function held(job: Job): string {
  const size = job.results.reduce((sum, result) => sum + result.size, 0);
  return `${plural(job.results.length, 'result')} of ${bytes(size)}`;
}

export async function askToDeleteJob(job: Job, done: () => void): Promise<void> {
  const time = await restorable();
  ask({
    title: `Delete the job ${called(job)}?`,
    lost: (
      <p>
        {job.results.length > 0 ? `The job and its ${held(job)}` : 'The job, which has no results,'} cannot be read any more. It
        can be restored from the trash {time}; then it is gone.
      </p>
    ),
    verb: 'Delete',
    async act() {
      await remove(api`/jobs/${job.id}`);
      say('The job is in the trash');
      done();
    },
  });
}

export function askToCancelJob(job: Job, done: (job: Job) => void): void {
  ask({
    title: `Cancel the job ${called(job)}?`,
    lost: (
      <p>
        The job is not worked on any more, and cannot be started again. {job.results.length > 0 && `Its ${held(job)} stay.`}
      </p>
    ),
    verb: 'Cancel the job',
    async act() {
      done(await post<Job>(api`/jobs/${job.id}/cancel`));
      say('The job is cancelled');
    },
  });
}

export async function restoreJob(job: Job): Promise<Job> {
  const changed = await post<Job>(api`/jobs/${job.id}/restore`);
  say('The job is back, with its results');
  return changed;
}
