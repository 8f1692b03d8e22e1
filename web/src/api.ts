// SPDX-License-Identifier: Apache-2.0
// The one way to the server. What goes wrong is a Problem; a session that has ended and a server that cannot be
// reached are known to the whole page. Whatever only reads waits until the server is back and goes on by itself.
import { store } from './store';
import type { Page, Scope, Session } from './types';

export class Problem extends Error {
  constructor(
    readonly status: number, // 0: no answer
    readonly code: string,
    detail: string,
    readonly parameter?: string,
    readonly pointer?: string,
    readonly retryAfter = 0, // seconds
  ) {
    super(detail);
  }
}

// undefined: not known yet; null: nobody.
export const session = store<Session | null | undefined>(undefined);
// That there was one which has ended, for the words of the sign-in.
export const sessionEnded = store(false);

// What a part of the page has gathered is its key's alone: `forget` is called when one signs out, and when somebody
// signs in with another key. A session that merely ended may go on.
export function forgetWithKey(forget: () => void): void {
  let owner = '';
  session.listen(() => {
    const now = session.get();
    if (now ? now.id !== owner : !sessionEnded.get()) forget();
    if (now) owner = now.id;
  });
}

export function may(scope: Scope): boolean {
  const scopes = session.get()?.scopes ?? [];
  return scopes.includes(scope) || scopes.includes('admin');
}

// --- a server that is away -------------------------------------------------------------------------------------

export interface Away {
  why: string;
  until: number; // when it is tried again, by Date.now()
}

export const away = store<Away | null>(null);
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;
let waiting: { promise: Promise<void>; tryNow: () => void } | null = null;

async function isBack(): Promise<boolean> {
  try {
    return (await fetch('-/live', { cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}

async function waitUntilBack(why: string, first: number, wake: { now: () => void }): Promise<void> {
  for (let wait = first; ; wait = Math.min(wait * 2, LONGEST_WAIT)) {
    away.set({ why, until: Date.now() + wait });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      wake.now = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (await isBack()) break;
  }
  away.set(null);
}

// Resolves when the server answers again; all callers share one wait. One that has waited `before` for the same waits
// longer: a server can be there and still not do what it is asked for.
function back({ message, retryAfter }: Problem, before: number): Promise<void> {
  if (!waiting) {
    const wake = { now: () => {} };
    const wait = Math.min(FIRST_WAIT * 2 ** before, LONGEST_WAIT);
    const promise = waitUntilBack(message, Math.max(wait, retryAfter * 1000), wake).finally(() => (waiting = null));
    waiting = { promise, tryNow: () => wake.now() };
  }
  return waiting.promise;
}

export function tryNow(): void {
  waiting?.tryNow();
}

// --- addresses -------------------------------------------------------------------------------------------------

// What the server may be asked for. Ids come from the address bar, which any other site can fill by a link, and
// browsers resolve "..": only what `api` has made of them is asked for, by the type of all that asks.
export type Path = string & { readonly path: unique symbol };
export type Query = Record<string, string | number | boolean | null | undefined>;

const BASE = 'api/v1'; // relative, so that the server may be mounted below a path
const ID = /^[0-9A-Za-z_-]+$/;

function segment(value: string | number | { name: string }): string {
  if (typeof value !== 'object') {
    if (!ID.test(String(value))) throw new Problem(404, 'not_found', 'No id looks like the one in this address.');
    return String(value);
  }
  if (/^\.\.?$/.test(value.name)) throw new Problem(400, 'invalid', `Nothing can have the name ${value.name}.`);
  return encodeURIComponent(value.name);
}

// api`/results/${id}/keep`; of what is no id but a name given by somebody: ${{ name }}.
export function api(parts: TemplateStringsArray, ...values: (string | number | { name: string })[]): Path {
  return (BASE + String.raw({ raw: parts }, ...values.map(segment))) as Path;
}

export function address(path: Path, query: Query = {}): Path {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return (text ? `${path}?${text}` : path) as Path;
}

// The address in full, if it is where its text says: a second look, at what the browser makes of it.
export function urlOf(path: Path): string {
  const here = location.pathname.replace(/[^/]*$/, '');
  const url = new URL(path, location.origin + here);
  if (url.pathname !== here + path.split('?', 1)[0]) throw new Problem(404, 'not_found', 'This address leads elsewhere.');
  return url.href;
}

// An answer about another object than the one asked for is none: what is done next goes by its id.
export function sameId<T extends { id: string }>(object: T, id: string): T {
  if (object.id !== id.toLowerCase()) throw new Problem(404, 'not_found', 'The server answered with something else.');
  return object;
}

// --- requests --------------------------------------------------------------------------------------------------

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = await response.json();
    return new Problem(response.status, body.code, body.detail, body.parameter, body.pointer, Number(response.headers.get('Retry-After')) || 0);
  } catch {
    return new Problem(response.status, 'unknown', `The server answered ${response.status} ${response.statusText}.`);
  }
}

export function endSession(): void {
  if (session.get()) sessionEnded.set(true);
  session.set(null);
}

interface Options {
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal | null | undefined;
}

const OFFLINE = 'The server cannot be reached.';
const ELSEWHERE = 'The bytes lie in a bucket that hands them out itself: download the result to see it.';

async function once(method: string, path: Path, options: Options): Promise<Response> {
  const url = urlOf(path);
  const headers: Record<string, string> = { ...options.headers };
  if (method !== 'GET' && method !== 'HEAD') headers['Resultd-Page'] = '1';
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(url, {
      method,
      headers,
      body: options.body === undefined ? null : JSON.stringify(options.body),
      redirect: 'manual', // to a bucket of the client's own, which this page may not ask
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, 'away', OFFLINE);
  }
}

// Codes of what passes, if one waits, and then for everything that is asked for; "storage", also a 503, says that one
// place for bytes has failed. What says 503 without any code stands before the server, and misses it.
const PASSING = ['away', 'busy', 'shutting_down', 'database_busy', 'database', 'database_conflict'];
const GATEWAY = [502, 503, 504];

function isAway(method: string, { status, code }: Problem): boolean {
  if (PASSING.includes(code)) return true;
  return code === 'unknown' && GATEWAY.includes(status) && method !== 'HEAD'; // whose answers never have a code
}

// The answer, if it is a good one. Reads are repeated until the server is there; of what changes something nobody
// knows whether it was done, so that it is the caller's to say.
export async function request(method: string, path: Path, options: Options = {}): Promise<Response> {
  for (let waits = 0; ; waits++) {
    let failure: Problem;
    try {
      const response = await once(method, path, options);
      if (response.ok) return response;
      if (response.type === 'opaqueredirect') throw new Problem(307, 'elsewhere', ELSEWHERE);
      failure = await problemOf(response);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      failure = error;
    }
    if (failure.status === 401 && session.get()) endSession();
    if (!isAway(method, failure)) throw failure;
    const returned = back(failure, waits);
    if (method !== 'GET') throw failure;
    await returned;
    options.signal?.throwIfAborted();
  }
}

// Fails with the words of the server if it would refuse the download: an answer to HEAD has none.
export async function mayDownload(path: Path): Promise<void> {
  try {
    await request('HEAD', path);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'unknown') throw error;
    const stop = new AbortController();
    const response = await once('GET', path, { signal: stop.signal });
    if (response.status >= 400) throw await problemOf(response);
    stop.abort();
  }
}

async function json<T>(method: string, path: Path, options: Options = {}): Promise<T> {
  const response = await request(method, path, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const get = <T>(path: Path, query: Query = {}, signal?: AbortSignal): Promise<T> =>
  json('GET', address(path, query), { signal });
export const post = <T>(path: Path, body?: unknown): Promise<T> => json('POST', path, { body });
export const put = <T>(path: Path): Promise<T> => json('PUT', path);
export const patch = <T>(path: Path, body: unknown): Promise<T> => json('PATCH', path, { body });
export const remove = (path: Path): Promise<void> => json('DELETE', path);
export const list = <T>(path: Path, query: Query, signal?: AbortSignal): Promise<Page<T>> =>
  get(path, query, signal);

export const getOne = async <T extends { id: string }>(kind: 'results' | 'batches', id: string, signal?: AbortSignal): Promise<T> =>
  sameId(await get<T>(api`/${kind}/${id}`, {}, signal), id);

// --- the session -----------------------------------------------------------------------------------------------

const SESSION = '-/session' as Path;

export async function findSession(): Promise<void> {
  try {
    session.set(await (await request('GET', SESSION)).json());
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    session.set(null);
  }
}

export async function signIn(key: string): Promise<void> {
  const response = await request('POST', SESSION, { body: { key } });
  sessionEnded.set(false);
  session.set(await response.json());
}

// What has to be done while there still is a session.
const farewells: (() => Promise<unknown>)[] = [];
export const beforeSignOut = (what: () => Promise<unknown>): void => void farewells.push(what);

export async function signOut(): Promise<void> {
  await Promise.allSettled(farewells.map((what) => what()));
  await request('DELETE', SESSION);
  sessionEnded.set(false);
  session.set(null);
}
