// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { api, patch, post, remove } from '../api';
import { problemFrom } from '../hooks';
import type { Storage } from '../types';
import { Badge, Field, Head, Time } from '../ui/basic';
import { ask, FormDialog } from '../ui/dialog';
import { EndlessGrid, useEndless } from '../ui/endless';
import type { Column } from '../ui/grid';
import { say } from '../ui/toast';

interface Tested {
  ok: boolean;
  steps: { step: string; ok: boolean; code: string | null; detail: string | null }[];
}

function textOf(data: FormData, name: string): string {
  return String(data.get(name) ?? '').trim();
}

export function Storages(): JSX.Element {
  const storages = useEndless<Storage>(api`/storages`, useMemo(() => ({}), []));
  const [making, setMaking] = useState(false);
  const [testing, setTesting] = useState('');
  const failed = (error: unknown) => say(problemFrom(error).message, 'bad');
  const make = async (data: FormData) => {
    const endpoint = textOf(data, 'endpoint');
    const region = textOf(data, 'region');
    await post(api`/storages`, {
      name: textOf(data, 'name'),
      url: textOf(data, 'url'),
      credentials: { access_key_id: textOf(data, 'access_key_id'), secret_access_key: textOf(data, 'secret') },
      deliver: textOf(data, 'deliver'),
      ...(endpoint && { endpoint }),
      ...(region && { region }),
    });
    setMaking(false);
    storages.reload();
  };
  const test = async (storage: Storage) => {
    setTesting(storage.id);
    try {
      const { ok, steps } = await post<Tested>(api`/storages/${storage.id}/test`);
      const last = steps.at(-1);
      say(ok ? `${storage.name} works` : `${storage.name}: ${last?.step} failed, ${last?.detail ?? last?.code}`, ok ? 'good' : 'bad');
      storages.reload();
    } catch (error) {
      failed(error);
    }
    setTesting('');
  };
  const setDefault = (storage: Storage) =>
    patch(api`/storages/${storage.id}`, { default: !storage.default }).then(storages.reload, failed);
  const drop = (storage: Storage) =>
    ask({
      title: `Delete the storage ${storage.name}?`,
      lost: <p>The server forgets {storage.url} and the keys to it. Objects in the bucket stay there. This cannot be undone.</p>,
      verb: 'Delete',
      async act() {
        await remove(api`/storages/${storage.id}`);
        storages.reload();
      },
    });
  const columns: Column<Storage>[] = [
    { key: 'name', title: 'Name', width: 'minmax(8rem, 1fr)', cell: (storage) => storage.name },
    { key: 'state', title: 'Last test', width: '7.5rem', cell: (storage) => <Badge of={storage.state} /> },
    { key: 'media', title: 'Address', width: 'minmax(10rem, 2fr)', cell: (storage) => `${storage.url} ${storage.endpoint ?? ''}` },
    { key: 'size', title: 'Delivers by', width: '7rem', cell: (storage) => storage.deliver },
    { key: 'created', title: 'Created', width: '8.5rem', cell: (storage) => <Time at={storage.created_at} /> },
    {
      key: 'actions',
      title: 'Actions',
      width: '17rem',
      cell: (storage) => (
        <span class="row-actions">
          <button type="button" class="small" disabled={testing === storage.id} aria-label={`Test ${storage.name}`} onClick={() => test(storage)}>
            Test
          </button>
          <button type="button" class="small" aria-pressed={storage.default} aria-label={`${storage.default ? 'Default' : 'Make default'}: ${storage.name}`} onClick={() => setDefault(storage)}>
            {storage.default ? 'Default' : 'Make default'}
          </button>
          <button type="button" class="small danger" aria-label={`Delete ${storage.name}`} onClick={() => drop(storage)}>
            Delete…
          </button>
        </span>
      ),
    },
  ];
  return (
    <div class="page list">
      <Head title="Storages">
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          New storage…
        </button>
      </Head>
      <p class="muted">Buckets of your own that results can go to. Without a default one they stay with the server.</p>
      <EndlessGrid label="Storages" of={storages} columns={columns} cardHeight={132} none="There are no storages." />
      {making && (
        <FormDialog title="New storage" verb="Make it" close={() => setMaking(false)} submit={make}>
          <Field label="Name">
            <input name="name" required maxLength={255} autocomplete="off" />
          </Field>
          <Field label="Address" hint="s3://BUCKET or s3://BUCKET/PREFIX">
            <input name="url" required pattern="s3://.+" autocomplete="off" />
          </Field>
          <Field label="Endpoint" hint="https://HOST of a service other than Amazon's.">
            <input name="endpoint" autocomplete="off" />
          </Field>
          <Field label="Region">
            <input name="region" autocomplete="off" placeholder="us-east-1" />
          </Field>
          <Field label="Access key id">
            <input name="access_key_id" required autocomplete="off" />
          </Field>
          <Field label="Secret access key">
            <input name="secret" type="password" required autocomplete="off" />
          </Field>
          <Field label="Delivers by">
            <select name="deliver">
              <option value="proxy">proxy: through this server</option>
              <option value="redirect">redirect: from the bucket itself</option>
            </select>
          </Field>
        </FormDialog>
      )}
    </div>
  );
}
