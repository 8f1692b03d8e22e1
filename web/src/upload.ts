// SPDX-License-Identifier: Apache-2.0
// Uploads: one job around the files of a drop, begun before the first byte so that no worker claims it, and finished
// when all are there. They go on while one looks at other pages of the page. An upload that was cut off can be sent
// again, since the same bytes under the same name are the same result.
import { address, api, beforeSignOut, endSession, forgetWithKey, may, type Path, post, Problem, remove, urlOf } from './api';
import { plural } from './format';
import { problemFrom } from './hooks';
import { store } from './store';
import type { Job, Result } from './types';
import { say, sayFailure } from './ui/toast';

export type ItemState = 'waiting' | 'sending' | 'done' | 'failed' | 'cancelled';

export interface Item {
  id: number;
  file: File;
  name: string;
  state: ItemState;
  sent: number;
  failure: string;
  result: Result | null;
  group: Group;
  xhr: XMLHttpRequest | null;
}

export interface Options {
  kind: string;
  batch: string;
  expires_in: number | null;
  keep: boolean;
}

interface Group {
  options: Options;
  job: Promise<Job> | null;
  items: Item[];
  ending: Promise<boolean> | null; // of its job: whether it has ended
}

const AT_ONCE = 2;

export const uploads = store<Item[]>([]);
let lastId = 0;
let sending = 0;

const redraw = (): void => uploads.set([...uploads.get()]);

// --- one file --------------------------------------------------------------------------------------------------

async function begin({ kind, batch }: Options): Promise<Job> {
  const job = await post<Job>(api`/jobs`, { kind, ...(batch && { batch }) });
  return post<Job>(api`/jobs/${job.id}/progress`, { progress: 0 });
}

function failureOf(xhr: XMLHttpRequest): Problem {
  if (xhr.status === 401) endSession();
  try {
    const body = JSON.parse(xhr.responseText);
    return new Problem(xhr.status, body.code, body.detail);
  } catch {
    return new Problem(xhr.status, 'away', 'The connection to the server broke off.');
  }
}

// XMLHttpRequest, since fetch does not tell how far a body has gone.
function send(item: Item, path: Path): Promise<Result> {
  const xhr = new XMLHttpRequest();
  item.xhr = xhr;
  return new Promise((resolve, reject) => {
    xhr.open('PUT', urlOf(path));
    xhr.setRequestHeader('Content-Type', item.file.type || 'application/octet-stream');
    xhr.setRequestHeader('Resultd-Page', '1');
    xhr.upload.onprogress = (event) => {
      item.sent = event.loaded;
      redraw();
    };
    xhr.onload = () => (xhr.status < 300 ? resolve(JSON.parse(xhr.responseText) as Result) : reject(failureOf(xhr)));
    xhr.onerror = () => reject(failureOf(xhr));
    xhr.onabort = () => reject(failureOf(xhr)); // by whoever cancelled it, who has said so
    xhr.send(item.file);
  });
}

const changed = (): Problem =>
  new Problem(0, 'changed', 'The file was changed or removed after it was chosen, or it is a folder. Choose it again.');

// Browsers refuse to read a file that is not the one that was chosen any more.
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

// A file that changes while it is sent looks like a connection that breaks off, and would be sent as another one.
async function sendUnchanged(item: Item, path: Path): Promise<Result> {
  if (!(await isReadable(item.file))) throw changed();
  try {
    return await send(item, path);
  } catch (error) {
    throw problemFrom(error).code === 'away' && !(await isReadable(item.file)) ? changed() : error;
  }
}

async function run(item: Item): Promise<void> {
  const { group } = item;
  const { expires_in, keep } = group.options;
  item.state = 'sending';
  item.sent = 0;
  item.failure = '';
  redraw();
  try {
    group.job ??= begin(group.options);
    const job = await group.job;
    if (isCancelled(item)) return;
    const path = api`/jobs/${job.id}/results/${{ name: item.name }}`;
    item.result = await sendUnchanged(item, address(path, { expires_in, keep: keep || null }));
    if (item.result.size !== item.file.size) throw changed();
    item.sent = item.file.size;
    item.state = 'done';
  } catch (error) {
    if (isCancelled(item)) return;
    item.state = 'failed';
    item.failure = problemFrom(error).message;
    if (!(await settled(group.job))) group.job = null; // the job was not made: the next try makes it
  } finally {
    item.xhr = null;
  }
  redraw();
}

// Asked of a function, since cancelling changes the item while `run` waits.
const isCancelled = (item: Item): boolean => item.state === 'cancelled';

async function settled(job: Promise<Job> | null): Promise<Job | null> {
  try {
    return await job;
  } catch {
    return null;
  }
}

// --- the whole drop --------------------------------------------------------------------------------------------

// Under way, or failed: what the job of its group waits for.
export const isBusy = ({ state }: Item): boolean => state === 'waiting' || state === 'sending';
export const isOpen = (item: Item): boolean => isBusy(item) || item.state === 'failed';

async function endJob(group: Group): Promise<boolean> {
  const job = await settled(group.job);
  if (!job) return true;
  const done = group.items.filter(({ state }) => state === 'done');
  try {
    if (done.length > 0) {
      await post(api`/jobs/${job.id}/finish`);
      say(`${plural(done.length, 'file')} uploaded`);
    } else {
      await post(api`/jobs/${job.id}/cancel`);
      if (may('delete')) await remove(api`/jobs/${job.id}`);
    }
    return true;
  } catch (error) {
    group.ending = null;
    sayFailure(error);
    return false;
  }
}

// Whether its job has ended, which it does as soon as it waits for no file any more.
async function finish(group: Group): Promise<boolean> {
  if (group.items.some(isOpen)) return false;
  group.ending ??= endJob(group);
  return group.ending;
}

async function take(): Promise<void> {
  const item = uploads.get().find(({ state }) => state === 'waiting');
  if (!item || sending >= AT_ONCE) return;
  sending++;
  const ended = run(item); // which is not waiting any more when the next one is looked for
  void take();
  await ended;
  sending--;
  await finish(item.group);
  void take();
}

export function start(files: File[], options: Options): void {
  const group: Group = { options, job: null, items: [], ending: null };
  group.items = files.map((file) => ({
    id: ++lastId,
    file,
    name: file.name,
    state: 'waiting',
    sent: 0,
    failure: '',
    result: null,
    group,
    xhr: null,
  }));
  uploads.set([...group.items, ...uploads.get()]);
  void take();
}

export function retry(item: Item): void {
  item.state = 'waiting';
  redraw();
  void take();
}

// Nothing is left of a file whose bytes did not all arrive.
export function cancel(item: Item): void {
  leaveOut(item);
  redraw();
  void finish(item.group);
}

function leaveOut(item: Item): void {
  item.state = 'cancelled';
  item.xhr?.abort();
}

const groupsOf = (items: Item[]): Group[] => [...new Set(items.map(({ group }) => group))];

// What failed is left out, so that its job can end; where that fails, its files stay in sight, to be cleared again.
export async function clearEnded(): Promise<void> {
  uploads.get().filter(({ state }) => state === 'failed').forEach(leaveOut);
  redraw();
  const unended = new Set<Group>();
  for (const group of groupsOf(uploads.get())) if (!(await finish(group)) && !group.items.some(isOpen)) unended.add(group);
  uploads.set(uploads.get().filter((item) => isOpen(item) || unended.has(item.group)));
}

// Whoever signs in next sees nothing of them, and sends nothing of them. What has arrived stays, in jobs that end.
beforeSignOut(() => {
  const items = uploads.get();
  items.filter(isOpen).forEach(leaveOut);
  return Promise.all(groupsOf(items).map(finish));
});

forgetWithKey(() => {
  for (const item of uploads.get().filter(isOpen)) {
    item.group.ending = Promise.resolve(true); // by no request: the key is another one
    leaveOut(item);
  }
  uploads.set([]);
});

// With a file that failed its job is open, too.
addEventListener('beforeunload', (event) => {
  if (uploads.get().some(isOpen)) event.preventDefault();
});
