// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { api, get, list } from '../api';
import { Chart, type Series } from '../charts';
import { bytes, count } from '../format';
import { type Loaded, useEvery, useLoad } from '../hooks';
import { setQuery, to, usePlace } from '../router';
import type { History, HistoryStep, Page, Result, State, Usage } from '../types';
import { Badge, Bytes, Empty, Failure, Head, Loading, Segments, Time, word } from '../ui/basic';

const REFRESH = 30; // seconds
const DAY = 86400;
const SPANS = { 24: '24 hours', 168: '7 days', 720: '30 days', 8760: '1 year' };
const STATES: State[] = ['available', 'consumed', 'expired'];

function Tile({ name, value, note, href }: { name: string; value: string; note: string; href: string }): JSX.Element {
  return (
    <a class="tile panel" href={href}>
      <span class="tile-name">{name}</span>
      <strong>{value}</strong>
      <span class="muted">{note}</span>
    </a>
  );
}

function Tiles({ usage }: { usage: Usage }): JSX.Element {
  const { available, consumed, expired } = usage.by_state;
  return (
    <div class="tiles">
      <Tile name="Available" value={count(available.results)} note={bytes(available.bytes)} href="#/results" />
      <Tile name="Acknowledged" value={count(consumed.results)} note={bytes(consumed.bytes)} href="#/results?state=consumed" />
      <Tile name="Expired" value={count(expired.results)} note={`${bytes(expired.bytes)} still stored`} href="#/results?state=expired" />
      <Tile name="In the trash" value={count(usage.trash.results)} note={bytes(usage.trash.bytes)} href="#/trash" />
      <Tile name="Stored" value={bytes(usage.bytes)} note="the trash included" href="#/results?state=any" />
    </div>
  );
}

function byState(steps: HistoryStep[], what: 'results' | 'bytes'): Series[] {
  return [
    ...STATES.map((state) => ({
      name: word(state),
      color: `--chart-${state}`,
      values: steps.map((step) => step.by_state[state][what]),
    })),
    { name: 'in the trash', color: '--chart-trash', values: steps.map((step) => step.trash[what]) },
  ];
}

function moved(steps: HistoryStep[], up: 'uploads' | 'uploaded_bytes', down: 'downloads' | 'downloaded_bytes'): Series[] {
  return [
    { name: 'up', color: '--chart-up', values: steps.map((step) => step[up]) },
    { name: 'down', color: '--chart-down', values: steps.map((step) => step[down]) },
  ];
}

function Charts({ history }: { history: History }): JSX.Element {
  const steps = history.data;
  const daily = history.step_seconds >= DAY;
  const drawn = useMemo(
    () => ({
      times: steps.map((step) => Date.parse(step.at) / 1000),
      results: byState(steps, 'results'),
      bytes: byState(steps, 'bytes'),
      moves: moved(steps, 'uploads', 'downloads'),
      movedBytes: moved(steps, 'uploaded_bytes', 'downloaded_bytes'),
    }),
    [history],
  );
  return (
    <div class="charts">
      <Chart title="Results by state" daily={daily} times={drawn.times} series={drawn.results} show={count} />
      <Chart title="Bytes by state" daily={daily} times={drawn.times} series={drawn.bytes} show={bytes} base2 />
      <Chart title="Uploads and downloads" daily={daily} times={drawn.times} series={drawn.moves} show={count} filled />
      <Chart title="Bytes up and down" daily={daily} times={drawn.times} series={drawn.movedBytes} show={bytes} base2 filled />
    </div>
  );
}

interface FewProps {
  title: string;
  of: Loaded<Page<Result>>;
  none: string;
  when: 'expires_at' | 'created_at';
}

function Few({ title, of, none, when }: FewProps): JSX.Element {
  const results = of.value?.data ?? [];
  return (
    <section class="panel" aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
      </div>
      {of.problem ? (
        <Failure problem={of.problem} retry={of.reload} />
      ) : !of.value ? (
        <Loading />
      ) : results.length === 0 ? (
        <Empty>{none}</Empty>
      ) : (
        <ul class="few">
          {results.map((result) => (
            <li key={result.id}>
              <a href={to('results', result.id)}>{result.name}</a>
              <Badge of={result.state} />
              <Bytes n={result.size} />
              <Time at={result[when]} none="never" />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

export function Overview(): JSX.Element {
  const hours = usePlace().query.get('hours') ?? '24';
  const usage = useLoad('usage', (signal) => get<Usage>(api`/usage`, {}, signal));
  const history = useLoad(hours, (signal) => get<History>(api`/usage/history`, { hours }, signal));
  const expiring = useLoad('expiring', (signal) => get<Page<Result>>(api`/usage/expiring`, { limit: 10 }, signal));
  const latest = useLoad('latest', (signal) => list<Result>(api`/results`, { state: 'any', limit: 10 }, signal));
  useEvery(REFRESH, true, () => [usage, history, expiring, latest].forEach(({ reload }) => reload()));
  return (
    <div class="page">
      <Head title="Overview">
        <Segments label="Time that the charts show" choices={SPANS} chosen={hours} choose={(value) => setQuery({ hours: value })} />
      </Head>
      {usage.value ? <Tiles usage={usage.value} /> : usage.problem ? <Failure problem={usage.problem} retry={usage.reload} /> : <Loading />}
      {history.value ? <Charts history={history.value} /> : history.problem && <Failure problem={history.problem} retry={history.reload} />}
      <div class="halves">
        <Few title="Expires next" of={expiring} none="Nothing that is there expires." when="expires_at" />
        <Few title="Latest" of={latest} none="No results yet." when="created_at" />
      </div>
    </div>
  );
}
