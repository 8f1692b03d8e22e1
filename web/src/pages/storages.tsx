// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { api, patch, post, remove } from '../api';
import type { Storage } from '../types';
import { Badge, Field, Head, Time } from '../ui/basic';
import { ask, FormDialog } from '../ui/dialog';
import { EndlessGrid, useEndless } from '../ui/endless';
import type { Column } from '../ui/grid';
import { say, sayFailure } from '../ui/toast';

interface Tested {
  ok: boolean;
  steps: { step: string; ok: boolean; code: string | null; detail: string | null }[];
}

// As the form says it. What stays empty is left out: the server has a word for it, or leaves it as it is.
function sentOf(data: FormData): unknown {
  const text = (name: string) => String(data.get(name) ?? '').trim() || undefined;
  return {
    name: text('name'),
    url: text('url'),
    endpoint: text('endpoint'),
    region: text('region'),
    path_style: text('path_style') ? text('path_style') === 'true' : null,
    deliver: text('deliver'),
    link_lifetime: Number(text('link_lifetime')) || null,
    default: data.has('default'),
    credentials: { access_key_id: text('access_key_id'), secret_access_key: text('secret') },
  };
}

const WEEK = 604800; // seconds: the longest that an address of a bucket can be good for

// Of a new one, or of the one that is there: its endpoint and region can be changed, and not taken away.
function Fields({ of }: { of: Storage | undefined }): JSX.Element {
  return (
    <>
      <Field label="Name">
        <input name="name" required maxLength={255} autocomplete="off" defaultValue={of?.name} />
      </Field>
      <Field label="Address" hint={`s3://BUCKET or s3://BUCKET/PREFIX${of ? '; it stays while results lie there.' : ''}`}>
        <input name="url" required pattern="s3://.+" autocomplete="off" defaultValue={of?.url} />
      </Field>
      <div class="pair">
        <Field label="Endpoint" hint={of ? 'Another one needs the secret access key again.' : "https://HOST of a service other than Amazon's."}>
          <input name="endpoint" autocomplete="off" defaultValue={of?.endpoint ?? ''} required={!!of?.endpoint} />
        </Field>
        <Field label="Region">
          <input name="region" autocomplete="off" placeholder="us-east-1" defaultValue={of?.region ?? ''} required={!!of?.region} />
        </Field>
      </div>
      <Field label="The bucket stands">
        <select name="path_style">
          <option value="">in the path with an endpoint, else in the host</option>
          <option value="true" selected={of?.path_style === true}>
            in the path
          </option>
          <option value="false" selected={of?.path_style === false}>
            in the host
          </option>
        </select>
      </Field>
      <div class="pair">
        <Field label="Access key id">
          <input name="access_key_id" required autocomplete="off" defaultValue={of?.credentials.access_key_id} />
        </Field>
        <Field label="Secret access key" hint={of && 'Left empty, it stays.'}>
          <input name="secret" type="password" required={!of} autocomplete="off" />
        </Field>
      </div>
      <div class="pair">
        <Field label="Delivers by">
          <select name="deliver">
            <option value="proxy">proxy: by this server</option>
            <option value="redirect" selected={of?.deliver === 'redirect'}>
              redirect: by the bucket
            </option>
          </select>
        </Field>
        <Field label="Lifetime of links" hint="Seconds, of redirects. Left empty, as the server is set.">
          <input name="link_lifetime" type="number" min={1} max={WEEK} defaultValue={of?.link_lifetime ?? ''} />
        </Field>
      </div>
      <label class="check">
        <input type="checkbox" name="default" defaultChecked={of?.default ?? false} /> Default: results of the project go there
      </label>
    </>
  );
}

export function Storages(): JSX.Element {
  const storages = useEndless<Storage>(api`/storages`, useMemo(() => ({}), []));
  const [form, setForm] = useState<{ of?: Storage }>();
  const [testing, setTesting] = useState('');
  const save = async (data: FormData) => {
    await (form?.of ? patch(api`/storages/${form.of.id}`, sentOf(data)) : post(api`/storages`, sentOf(data)));
    setForm(undefined);
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
      sayFailure(error);
    }
    setTesting('');
  };
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
    { key: 'default', title: 'Default', width: '6.5rem', cell: (storage) => storage.default && <Badge of="default" /> },
    { key: 'state', title: 'Last test', width: '8.5rem', cell: (storage) => <Badge of={storage.state} /> },
    { key: 'address', title: 'Address', width: 'minmax(10rem, 2fr)', cell: (storage) => `${storage.url} ${storage.endpoint ?? ''}` },
    { key: 'delivers', title: 'Delivers by', width: '8rem', cell: (storage) => storage.deliver },
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
          <button type="button" class="small" aria-label={`Change ${storage.name}`} onClick={() => setForm({ of: storage })}>
            Change…
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
        <button type="button" class="primary" onClick={() => setForm({})}>
          New storage…
        </button>
      </Head>
      <p class="muted">Buckets of your own that results can go to. Without a default one they stay with the server.</p>
      <EndlessGrid label="Storages" of={storages} columns={columns} cardHeight={132} none="There are no storages." />
      {form && (
        <FormDialog title={form.of ? `Change ${form.of.name}` : 'New storage'} verb={form.of ? 'Change' : 'Make it'} close={() => setForm(undefined)} submit={save}>
          <Fields of={form.of} />
        </FormDialog>
      )}
    </div>
  );
}
