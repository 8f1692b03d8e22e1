// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { api, get, list, may } from '../api';
import { bytes, duration, plural } from '../format';
import { useLoad } from '../hooks';
import { to } from '../router';
import { useStore } from '../store';
import type { Batch, Usage } from '../types';
import { cancel, clearEnded, isBusy, type Item, retry, start, uploads } from '../upload';
import { Bytes, Empty, Field, Head } from '../ui/basic';

const DAY = 86400;
const LIVES: [string, string][] = [
  [String(DAY), '1 day'],
  [String(7 * DAY), '7 days'],
  [String(30 * DAY), '30 days'],
  [String(365 * DAY), '1 year'],
];
const WORDS = { waiting: 'waiting', sending: 'sending', done: 'uploaded', failed: 'failed', cancelled: 'cancelled' };

function Row({ item }: { item: Item }): JSX.Element {
  const share = item.file.size > 0 ? item.sent / item.file.size : item.state === 'done' ? 1 : 0;
  return (
    <li class={`upload is-${item.state}`}>
      <div class="upload-line">
        <span class="upload-name">
          {item.result ? <a href={to('results', item.result.id)}>{item.name}</a> : item.name}
        </span>
        <span class="muted">
          <Bytes n={item.file.size} /> · {item.state === 'sending' ? `${Math.floor(share * 100)} %` : WORDS[item.state]}
        </span>
        {isBusy(item) && (
          <button type="button" class="small" onClick={() => cancel(item)} aria-label={`Cancel ${item.name}`}>
            Cancel
          </button>
        )}
        {item.state === 'failed' && (
          <>
            <button type="button" class="small" onClick={() => retry(item)} aria-label={`Try again: ${item.name}`}>
              Try again
            </button>
            <button type="button" class="small" onClick={() => cancel(item)} aria-label={`Leave out: ${item.name}`}>
              Leave out
            </button>
          </>
        )}
      </div>
      <progress value={share} max={1} aria-label={`Upload of ${item.name}`} />
      {item.failure && <p class="bad">{item.failure}</p>}
    </li>
  );
}

// Said rarely: a screen reader reads every change of it.
function Spoken({ items }: { items: Item[] }): JSX.Element {
  const open = items.filter(isBusy).length;
  const failed = items.filter(({ state }) => state === 'failed').length;
  const words = open > 0 ? `${plural(open, 'file')} to go` : 'No upload is under way';
  return (
    <p class="muted" role="status">
      {items.length > 0 && `${words}${failed > 0 ? `, ${failed} failed` : ''}.`}
    </p>
  );
}

export function Upload(): JSX.Element {
  const items = useStore(uploads);
  const { value: batches } = useLoad('batches', (signal) => list<Batch>(api`/batches`, { limit: 100 }, signal));
  const { value: usage } = useLoad('usage', (signal) => get<Usage>(api`/usage`, {}, signal));
  const [kind, setKind] = useState('publish');
  const [batch, setBatch] = useState('');
  const [life, setLife] = useState('');
  const [keep, setKeep] = useState(false);
  const [over, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const all = [...(files ?? [])];
    if (all.length > 0) start(all, { kind: kind.trim() || 'publish', batch, expires_in: life ? Number(life) : null, keep });
  };
  useEffect(() => {
    // A file that misses the field must not take the page's place.
    const hold = (event: DragEvent) => event.preventDefault();
    addEventListener('dragover', hold);
    addEventListener('drop', hold);
    return () => {
      removeEventListener('dragover', hold);
      removeEventListener('drop', hold);
    };
  }, []);
  const total = items.reduce((sum, item) => sum + item.file.size, 0);
  return (
    <div class="page narrow">
      <Head title="Upload" />
      <div class="panel form-row">
        <Field label="Kind of job">
          <input value={kind} maxLength={255} onInput={(event) => setKind(event.currentTarget.value)} />
        </Field>
        <Field label="Batch">
          <select value={batch} onChange={(event) => setBatch(event.currentTarget.value)}>
            <option value="">none</option>
            {batches?.data.map((one) => (
              <option key={one.id} value={one.id}>
                {one.name}
              </option>
            ))}
          </select>
        </Field>
        <Field label="They live for">
          <select value={life} onChange={(event) => setLife(event.currentTarget.value)}>
            <option value="">{usage ? duration(usage.lifetimes.results) : 'the usual time'}, as usual</option>
            {LIVES.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </Field>
        {may('delete') && (
          <label class="check">
            <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} /> Keep: they
            do not expire
          </label>
        )}
      </div>
      <label
        class={`drop${over ? ' over' : ''}`}
        onDragEnter={() => setOver(true)}
        onDragOver={() => setOver(true)}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          setOver(false);
          take(event.dataTransfer?.files);
        }}
      >
        <input
          type="file"
          multiple
          onChange={(event) => {
            take(event.currentTarget.files);
            event.currentTarget.value = '';
          }}
        />
        <strong>Drop files here, or choose them</strong>
        <span class="muted">All files of one drop become the results of one job.</span>
      </label>
      <Spoken items={items} />
      {items.length > 0 ? (
        <section class="panel" aria-labelledby="files-title">
          <div class="panel-head">
            <h2 id="files-title">
              {plural(items.length, 'file')}, {bytes(total)}
            </h2>
            <button type="button" class="small" onClick={() => void clearEnded()}>
              Clear what has ended
            </button>
          </div>
          <ul class="uploads">
            {items.map((item) => (
              <Row key={item.id} item={item} />
            ))}
          </ul>
        </section>
      ) : (
        <Empty>Nothing has been uploaded yet.</Empty>
      )}
    </div>
  );
}
