// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { api, endSession, post, remove, session, signIn } from '../api';
import { store, useStore } from '../store';
import type { Key, Scope } from '../types';
import { Badge, Copy, Field, Head, Time } from '../ui/basic';
import { ask, Dialog, FormDialog } from '../ui/dialog';
import { EndlessGrid, useEndless } from '../ui/endless';
import type { Column } from '../ui/grid';
import { say } from '../ui/toast';

const SCOPES: [Scope, string][] = [
  ['read', 'lists and downloads, and making links'],
  ['ack', 'acknowledging'],
  ['write', 'jobs, batches, uploads'],
  ['delete', 'deleting, restoring, keeping'],
  ['admin', 'everything, keys too'],
];
const LIVES: [string, string][] = [
  ['', 'until it is revoked'],
  ['86400', '1 day'],
  ['2592000', '30 days'],
  ['31536000', '1 year'],
];

interface Made {
  name: string;
  key: string;
}

// Of the whole page, not of this part of it: a session may end with the old secret, a key is shown until it is put away.
const shown = store<Made | null>(null);

export function MadeKey(): JSX.Element | null {
  const made = useStore(shown);
  const close = () => shown.set(null);
  if (!made) return null;
  return (
    <Dialog title={`The key ${made.name}`} close={close}>
      <p>
        This is the only time that it is shown: the server keeps no copy of it. Put it where it is needed before you close
        this.
      </p>
      <div class="copy-line">
        <input class="mono" readOnly value={made.key} aria-label="Key" onFocus={(event) => event.currentTarget.select()} />
        <Copy text={made.key} what="key" />
      </div>
      <div class="buttons">
        <button type="button" class="primary" onClick={close}>
          Done
        </button>
      </div>
    </Dialog>
  );
}

function isOver(key: Key): boolean {
  return !!key.revoked_at || (!!key.expires_at && Date.parse(key.expires_at) < Date.now());
}

// `admin` says all there is to say, and must not be what is cut off.
function scopesOf(key: Key): string {
  return key.scopes.includes('admin') ? 'admin: everything' : key.scopes.join(', ');
}

function stateOf(key: Key): string {
  return key.revoked_at ? 'revoked' : isOver(key) ? 'expired' : 'active';
}

export function Keys(): JSX.Element {
  const keys = useEndless<Key>(api`/keys`, useMemo(() => ({}), []));
  const [making, setMaking] = useState(false);
  const own = useStore(session)?.id;
  const make = async (data: FormData) => {
    const life = String(data.get('expires_in'));
    const name = String(data.get('name'));
    const answer = await post<{ key: string }>(api`/keys`, {
      name,
      scopes: data.getAll('scope'),
      ...(life && { expires_in: Number(life) }),
    });
    setMaking(false);
    shown.set({ name, key: answer.key });
    keys.reload();
  };
  const revoke = (key: Key) =>
    ask({
      title: `Revoke the key ${key.name}?`,
      lost: (
        <>
          <p>Whoever uses this key is refused from now on, and sessions that were begun with it end. A revoked key cannot be brought back.</p>
          {key.id === own && (
            <p>
              <strong>You are signed in with it: this session ends at once</strong>, and you need another key to come back. Without
              one with the scope admin, only the server's command line makes new ones.
            </p>
          )}
        </>
      ),
      verb: 'Revoke',
      async act() {
        await remove(api`/keys/${key.id}`);
        say(`${key.name} is revoked`);
        if (key.id === own) endSession();
        else keys.reload();
      },
    });
  const rotate = (key: Key) =>
    ask({
      title: `Give ${key.name} a new secret?`,
      lost: (
        <>
          <p>The secret that is in use now is refused from now on, and sessions that were begun with it end. Name and scopes stay.</p>
          {key.id === own && (
            <p>
              <strong>You are signed in with it.</strong> This page goes on with the new secret; other browsers have to sign in again.
            </p>
          )}
        </>
      ),
      verb: 'Rotate',
      async act() {
        const answer = await post<{ key: string }>(api`/keys/${key.id}/rotate`);
        shown.set({ name: key.name, key: answer.key });
        if (key.id === own) await signIn(answer.key);
        keys.reload();
      },
    });
  const columns: Column<Key>[] = [
    { key: 'name', title: 'Name', width: 'minmax(9rem, 2fr)', cell: (key) => key.name },
    { key: 'state', title: 'State', width: '7.5rem', cell: (key) => <Badge of={stateOf(key)} /> },
    { key: 'media', title: 'Scopes', width: 'minmax(14rem, 2fr)', cell: (key) => <span title={key.scopes.join(', ')}>{scopesOf(key)}</span> },
    { key: 'created', title: 'Created', width: '8.5rem', cell: (key) => <Time at={key.created_at} /> },
    { key: 'expires', title: 'Expires', width: '8.5rem', cell: (key) => <Time at={key.expires_at} none="never" /> },
    {
      key: 'actions',
      title: 'Actions',
      width: '12.5rem',
      cell: (key) =>
        !key.revoked_at && (
          <span class="row-actions">
            <button type="button" class="small" aria-label={`Rotate ${key.name}`} onClick={() => rotate(key)}>
              Rotate…
            </button>
            <button type="button" class="small danger" aria-label={`Revoke ${key.name}`} onClick={() => revoke(key)}>
              Revoke…
            </button>
          </span>
        ),
    },
  ];
  return (
    <div class="page list">
      <Head title="Keys">
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          New key…
        </button>
      </Head>
      <EndlessGrid label="Keys" of={keys} columns={columns} cardHeight={132} none="There are no keys." />
      {making && (
        <FormDialog title="New key" verb="Make it" close={() => setMaking(false)} submit={make}>
          <Field label="Name">
            <input name="name" required maxLength={255} autocomplete="off" />
          </Field>
          <fieldset>
            <legend>Scopes</legend>
            {SCOPES.map(([scope, words]) => (
              <label key={scope} class="check">
                <input type="checkbox" name="scope" value={scope} defaultChecked={scope === 'read'} /> {scope}
                <span class="muted"> – {words}</span>
              </label>
            ))}
          </fieldset>
          <Field label="Works">
            <select name="expires_in">
              {LIVES.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          </Field>
        </FormDialog>
      )}
    </div>
  );
}
