// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { askToAcknowledge, askToDelete, askToLetGo, askToPurge, askToRestore, keep } from '../actions';
import { address, api, getOne, may, type Path, post } from '../api';
import { count, duration, plural } from '../format';
import { problemFrom, useLoad } from '../hooks';
import { Preview } from '../preview/preview';
import { go, to } from '../router';
import type { Result } from '../types';
import { Badge, Bytes, Copy, Facts, Failure, Field, Head, Loading, Time } from '../ui/basic';
import { Dialog } from '../ui/dialog';
import { Download } from '../ui/download';
import { sayFailure } from '../ui/toast';

const content = (result: Result, format?: string): Path => address(api`/results/${result.id}/content`, { format });

// --- a link ----------------------------------------------------------------------------------------------------

const LIFETIMES = [3600, 86400, 604800];

function LinkDialog({ result, close }: { result: Result; close: () => void }): JSX.Element {
  const [made, setMade] = useState<{ url: string; expires_at: string }>();
  const [failure, setFailure] = useState('');
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const format = String(data.get('format'));
    const note = String(data.get('note')).trim();
    try {
      setMade(
        await post(api`/results/${result.id}/links`, {
          expires_in: Number(data.get('expires_in')),
          ...(format && { format }),
          ...(note && { note }),
        }),
      );
    } catch (error) {
      setFailure(problemFrom(error).message);
    }
  };
  return (
    <Dialog title={`Link to ${result.name}`} close={close}>
      {made ? (
        <>
          <p>
            Whoever has this address can download the result without a key; it works until <Time at={made.expires_at} />.
          </p>
          <div class="copy-line">
            <input class="mono" readOnly value={made.url} aria-label="Address" onFocus={(event) => event.currentTarget.select()} />
            <Copy text={made.url} what="address" />
          </div>
          <div class="buttons">
            <button type="button" class="primary" onClick={close}>
              Done
            </button>
          </div>
        </>
      ) : (
        <form onSubmit={submit}>
          <Field label="Works for">
            <select name="expires_in">
              {LIFETIMES.map((seconds) => (
                <option key={seconds} value={seconds}>
                  {duration(seconds)}
                </option>
              ))}
            </select>
          </Field>
          <Field label="Format">
            <select name="format">
              <option value="">as it was uploaded</option>
              {result.formats.map((format) => (
                <option key={format} value={format}>
                  {format.toUpperCase()}
                </option>
              ))}
            </select>
          </Field>
          <Field label="Note" hint="For yourself: who it is for.">
            <input name="note" maxLength={1000} autocomplete="off" />
          </Field>
          {failure && (
            <p class="bad" role="alert">
              {failure}
            </p>
          )}
          <div class="buttons">
            <button type="button" onClick={close}>
              Cancel
            </button>
            <button type="submit" class="primary">
              Make the link
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

// --- downloads -------------------------------------------------------------------------------------------------

function Downloads({ result }: { result: Result }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="download-title">
      <div class="panel-head">
        <h2 id="download-title">Download</h2>
      </div>
      <ul class="downloads">
        <li>
          <Download from={content(result)} name={result.name}>
            Original
          </Download>{' '}
          <Bytes n={result.size} />
        </li>
        {result.formats.length > 0 && (
          <li>
            {result.formats.map((format) => (
              <Download key={format} from={content(result, format)}>
                {format.toUpperCase()}
              </Download>
            ))}
          </li>
        )}
      </ul>
      {Object.entries(result.unavailable ?? {}).map(([format, why]) => (
        <p key={format} class="hint">
          {format === '*' ? 'No other format' : `Not as ${format.toUpperCase()}`}: {why}
        </p>
      ))}
      {result.preparing && (
        <p class="hint">
          {result.preparing.format.toUpperCase()} is being made: {count(result.preparing.rows_done)} of{' '}
          {plural(result.preparing.rows, 'row')}.
        </p>
      )}
    </section>
  );
}

// --- life ------------------------------------------------------------------------------------------------------

function stepsOf(result: Result): { name: string; at: string | null; note?: string; state: 'done' | 'next' | 'off' }[] {
  const { downloads } = result;
  const end = result.deleted_at
    ? { name: 'Deleted', at: result.deleted_at, state: 'done' as const }
    : result.keep
      ? { name: 'Kept', at: null, note: 'does not expire', state: 'next' as const }
      : result.state === 'expired'
        ? { name: 'Expired', at: result.expired_at ?? result.expires_at, state: 'done' as const }
        : { name: 'Expires', at: result.expires_at, note: 'never', state: 'next' as const };
  return [
    { name: 'Created', at: result.created_at, note: `by ${result.creator}`, state: 'done' },
    {
      name: 'Downloaded',
      at: result.downloaded_at,
      note: downloads > 0 ? plural(downloads, 'time') : 'not yet',
      state: downloads > 0 ? 'done' : 'off',
    },
    {
      name: 'Acknowledged',
      at: result.consumed_at,
      ...(result.consumed_at ? {} : { note: 'not yet' }),
      state: result.consumed_at ? 'done' : 'off',
    },
    end,
  ];
}

function Life({ result }: { result: Result }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="life-title">
      <div class="panel-head">
        <h2 id="life-title">Life</h2>
      </div>
      <ol class="life">
        {stepsOf(result).map(({ name, at, note, state }) => (
          <li key={name} class={`is-${state}`}>
            <strong>{name}</strong>
            <span>
              {at && <Time at={at} />}
              {note && (!at || name !== 'Expires') && <span class="muted">{note}</span>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

// --- the page --------------------------------------------------------------------------------------------------

function Digest({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <span class="digest">
      <code>{value}</code>
      <Copy text={value} what={name} />
    </span>
  );
}

function About({ result }: { result: Result }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="about-title">
      <div class="panel-head">
        <h2 id="about-title">About</h2>
      </div>
      <Facts
        rows={[
          ['Size', <Bytes n={result.size} />],
          ['Media type', result.media_type],
          ...(result.rows === null
            ? []
            : [['Table', `${plural(result.rows, 'row')}, ${plural(result.columns ?? 0, 'column')}`] as [string, string]]),
          ...(result.type ? [['Type', result.type] as [string, string]] : []),
          ['Job', <a href={to('jobs', result.job)}>{result.job}</a>],
          ...(result.batch ? [['Batch', <a href={to('batches', result.batch)}>{result.batch}</a>] as [string, JSX.Element]] : []),
          ['Storage', result.storage],
          ['SHA-256', <Digest name="SHA-256" value={result.sha256} />],
          ['MD5', <Digest name="MD5" value={result.md5} />],
          ['Id', <Digest name="id" value={result.id} />],
        ]}
      />
    </section>
  );
}

function Actions({ result, change, link }: { result: Result; change: (result: Result) => void; link: () => void }): JSX.Element {
  const act = (what: Promise<Result>) => what.then(change, sayFailure);
  const changeKeep = () => (result.keep ? askToLetGo(result, change).catch(sayFailure) : act(keep(result)));
  const again = () => void act(getOne<Result>('results', result.id));
  if (result.deleted_at) {
    return (
      <>
        {may('delete') && (
          <>
            <button type="button" class="primary" onClick={() => askToRestore(result, change).catch(sayFailure)}>
              Restore
            </button>
            <button type="button" class="danger" onClick={() => askToPurge(result, () => go('#/trash'))}>
              Delete for good…
            </button>
          </>
        )}
      </>
    );
  }
  const isThere = result.state !== 'expired';
  return (
    <>
      {isThere && may('read') && (
        <button type="button" onClick={link}>
          Link…
        </button>
      )}
      {result.state === 'available' && may('ack') && (
        <button type="button" onClick={() => askToAcknowledge(result, change).catch(sayFailure)}>
          Acknowledge
        </button>
      )}
      {isThere && may('delete') && (
        <button type="button" aria-pressed={result.keep} onClick={changeKeep}>
          {result.keep ? 'Kept' : 'Keep'}
        </button>
      )}
      {may('delete') && (
        <button
          type="button"
          class="danger"
          disabled={result.keep}
          title={result.keep ? 'It is kept; let it go first' : undefined}
          onClick={() => askToDelete(result, again)}
        >
          Delete…
        </button>
      )}
      {isThere && (
        <Download from={content(result)} name={result.name} primary>
          Download
        </Download>
      )}
    </>
  );
}

export function ResultPage({ id }: { id: string }): JSX.Element {
  const { value: result, problem, reload, set } = useLoad(id, (signal) => getOne<Result>('results', id, signal));
  const [linking, setLinking] = useState(false);
  if (problem) return <Failure problem={problem} retry={reload} />;
  if (!result) return <Loading />;
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where this is">
        <a href="#/results">Results</a>
      </nav>
      <Head title={result.name}>
        <Actions result={result} change={set} link={() => setLinking(true)} />
      </Head>
      <p class="badges">
        <Badge of={result.deleted_at ? 'deleted' : result.state} /> {result.keep && <Badge of="kept" />}
      </p>
      <div class="columns">
        <Preview result={result} />
        <div class="side">
          {!result.deleted_at && result.state !== 'expired' && <Downloads result={result} />}
          <Life result={result} />
          <About result={result} />
        </div>
      </div>
      {linking && <LinkDialog result={result} close={() => setLinking(false)} />}
    </div>
  );
}
