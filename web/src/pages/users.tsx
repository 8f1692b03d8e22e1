// SPDX-License-Identifier: Apache-2.0
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { api, patch, post, remove } from '../api';
import type { User } from '../types';
import { Badge, Field, Head, Time } from '../ui/basic';
import { ask, FormDialog } from '../ui/dialog';
import { EndlessGrid, useEndless } from '../ui/endless';
import type { Column } from '../ui/grid';
import { say, sayFailure } from '../ui/toast';

export function Users(): JSX.Element {
  const users = useEndless<User>(api`/users`, useMemo(() => ({}), []));
  const [making, setMaking] = useState(false);
  const [changing, setChanging] = useState<User>();
  const make = async (data: FormData) => {
    await post(api`/users`, { name: data.get('name'), password: data.get('password'), staff: data.has('staff') });
    setMaking(false);
    say(`${String(data.get('name'))} can sign in`);
    users.reload();
  };
  const change = async (user: User, data: FormData) => {
    const password = String(data.get('password'));
    await patch(api`/users/${user.pk}`, { staff: data.has('staff'), ...(password && { password }) });
    setChanging(undefined);
    say('Changed');
    users.reload();
  };
  const deactivate = (user: User) =>
    ask({
      title: `Deactivate ${user.name}?`,
      lost: <p>{user.name} cannot sign in any more. What they made stays, and they can be activated again.</p>,
      verb: 'Deactivate',
      async act() {
        await remove(api`/users/${user.pk}`);
        users.reload();
      },
    });
  const activate = (user: User) =>
    patch(api`/users/${user.pk}`, { active: true }).then(users.reload, sayFailure);
  const columns: Column<User>[] = [
    { key: 'name', title: 'Name', width: 'minmax(9rem, 2fr)', cell: (user) => user.name },
    { key: 'state', title: 'State', width: '8rem', cell: (user) => <Badge of={user.active ? 'active' : 'deactivated'} /> },
    { key: 'role', title: 'Role', width: 'minmax(7rem, 1fr)', cell: (user) => (user.staff ? 'staff' : 'user') },
    { key: 'created', title: 'Created', width: '8.5rem', cell: (user) => <Time at={user.created_at} /> },
    {
      key: 'actions',
      title: 'Actions',
      width: '15rem',
      cell: (user) => (
        <span class="row-actions">
          <button type="button" class="small" aria-label={`Change ${user.name}`} onClick={() => setChanging(user)}>
            Change…
          </button>
          {user.active ? (
            <button type="button" class="small danger" aria-label={`Deactivate ${user.name}`} onClick={() => deactivate(user)}>
              Deactivate…
            </button>
          ) : (
            <button type="button" class="small" aria-label={`Activate ${user.name}`} onClick={() => activate(user)}>
              Activate
            </button>
          )}
        </span>
      ),
    },
  ];
  return (
    <div class="page list">
      <Head title="Users">
        <button type="button" class="primary" onClick={() => setMaking(true)}>
          New user…
        </button>
      </Head>
      <p class="muted">People who sign in with a password over the UFDL API. This page is opened with keys.</p>
      <EndlessGrid label="Users" of={users} columns={columns} cardHeight={112} none="There are no users." />
      {making && (
        <FormDialog title="New user" verb="Make it" close={() => setMaking(false)} submit={make}>
          <Field label="Name">
            <input name="name" required maxLength={150} autocomplete="off" />
          </Field>
          <Field label="Password">
            <input name="password" type="password" required autocomplete="new-password" />
          </Field>
          <label class="check">
            <input type="checkbox" name="staff" /> Staff
          </label>
        </FormDialog>
      )}
      {changing && (
        <FormDialog title={`Change ${changing.name}`} verb="Change" close={() => setChanging(undefined)} submit={(data) => change(changing, data)}>
          <Field label="New password" hint="Left empty, it stays. A new one ends the tokens that were had for the old one.">
            <input name="password" type="password" autocomplete="new-password" />
          </Field>
          <label class="check">
            <input type="checkbox" name="staff" defaultChecked={changing.staff} /> Staff
          </label>
        </FormDialog>
      )}
    </div>
  );
}
