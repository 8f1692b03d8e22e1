// SPDX-License-Identifier: Apache-2.0
// Every page of the page, as [place, heading], and what is needed for something to be on it; and its dialogs.
import { csv, goTo, png } from './support.mjs';

export async function fillPlaces(server) {
  const table = await server.publish('table.csv', 'text/csv', csv(500));
  const picture = await server.publish('picture.png', 'image/png', png(64, 48));
  const tree = await server.publish('tree.json', 'application/json', '{"a":{"b":[1,"x",true,null]}}');
  const deleted = await server.publish('deleted.txt', 'text/plain', 'x');
  await server.publish('read.txt', 'text/plain', 'x').then(({ id }) => server.api('POST', `/results/${id}/ack`, {}));
  await server.publish('kept.txt', 'text/plain', 'x', '&keep=true');
  await server.api('DELETE', `/results/${deleted.id}`);
  const batch = await server.api('POST', '/batches', { name: 'July' });
  const make = (more) => server.api('POST', '/jobs', { kind: 'render', batch: batch.id, input: { page: 1 }, ...more });
  const queued = await make({ tag: 'red' });
  const running = await make({ reference_id: 'half' });
  const failed = await make({ reference_id: 'broken' });
  await server.api('POST', `/jobs/${running.id}/progress`, { progress: 0.5 });
  await server.api('POST', `/jobs/${failed.id}/fail`, { error: { code: 'boom', message: 'out of memory' } });
  await server.api('POST', '/keys', { name: 'worker', scopes: ['read', 'write'] });
  await server.api('POST', '/users', { name: 'ada', password: 'correct horse battery' });
  await server.api('POST', '/storages', { name: 'ours', url: 's3://bucket', credentials: { access_key_id: 'A', secret_access_key: 'B' } });
  return [
    ['#/', 'Overview'],
    ['#/results?state=any', 'Results'],
    [`#/results/${table.id}`, 'table.csv'],
    [`#/results/${table.id}?view=text`, 'table.csv'],
    [`#/results/${picture.id}`, 'picture.png'],
    [`#/results/${tree.id}`, 'tree.json'],
    [`#/results/${deleted.id}`, 'deleted.txt'],
    ['#/jobs', 'Jobs'],
    [`#/jobs/${queued.id}`, 'render'],
    [`#/jobs/${running.id}`, 'half'],
    [`#/jobs/${failed.id}`, 'broken'],
    ['#/batches', 'Batches'],
    [`#/batches/${batch.id}`, 'July'],
    ['#/upload', 'Upload'],
    ['#/trash', 'Trash'],
    ['#/keys', 'Keys'],
    ['#/users', 'Users'],
    ['#/storages', 'Storages'],
    ['#/nowhere', 'There is no such page'],
  ];
}

// Where a dialog is opened, and by which button.
export function dialogsOf(places) {
  const at = (hash) => places.find(([place]) => place.startsWith(hash));
  const table = places.find(([, heading]) => heading === 'table.csv');
  const queued = places.find(([, heading]) => heading === 'render');
  const deleted = places.find(([, heading]) => heading === 'deleted.txt');
  return [
    [...at('#/batches'), 'New batch…'],
    [...at('#/keys'), 'New key…'],
    [...at('#/keys'), 'Rotate worker'],
    [...at('#/keys'), 'Revoke worker'],
    [...at('#/users'), 'New user…'],
    [...at('#/users'), 'Change ada'],
    [...at('#/users'), 'Deactivate ada'],
    [...at('#/storages'), 'New storage…'],
    [...at('#/storages'), 'Change ours'],
    [...at('#/storages'), 'Delete ours'],
    [...table, 'Link…'],
    [...table, 'Delete…'],
    [...deleted, 'Delete for good…'],
    [...queued, 'Cancel…'],
    [...queued, 'Delete…'],
  ];
}

// Each of them once, open, for `look`.
export async function withDialogs(page, places, look) {
  for (const [at, heading, button] of dialogsOf(places)) {
    await goTo(page, at, heading);
    await page.getByRole('button', { name: button }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await look(await dialog.getByRole('heading').first().innerText());
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }
}
