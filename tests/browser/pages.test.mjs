// SPDX-License-Identifier: Apache-2.0
// The other pages: overview, jobs, batches, trash, keys, users, storages.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { browser, closePage, DESKTOP, eventually, goTo, open, PHONE, Server, server, signIn, useSite } from './support.mjs';

useSite();

const inGrid = (page, name) => page.getByRole('row').filter({ hasText: name });

async function download(page, name) {
  const [got] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
  return got.path();
}

test('the overview counts, draws, and lists what expires next', async () => {
  const own = await Server.start();
  await own.publish('soon.txt', 'text/plain', 'x'.repeat(1000), '&expires_in=3600');
  await own.publish('later.txt', 'text/plain', 'y'.repeat(24), '&expires_in=86400');
  const page = await open(browser, own);
  const tile = page.getByRole('link', { name: /^Available/ });
  assert.match(await tile.innerText(), /2\s+1\.00 KiB/);
  await eventually(async () => (await page.locator('canvas').count()) === 4, 'four charts');
  // Something is drawn: pixels of the colour of the series, on each canvas.
  await eventually(() =>
    page.locator('canvas').evaluateAll((all) =>
      all.every((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 80) return true;
        return false;
      }),
    ),
  );
  const expiring = page.getByRole('region', { name: 'Expires next' });
  await expiring.getByText('later.txt').waitFor();
  assert.match(await expiring.innerText(), /soon\.txt.*later\.txt/s);
  const chart = page.getByRole('region', { name: 'Results by state', exact: true });
  await chart.getByText('As a table').click();
  assert.match(await chart.getByRole('row').nth(1).innerText(), /2\s+0\s+0\s+0$/);
  await page.getByRole('button', { name: '30 days' }).click();
  await page.waitForURL(/hours=720/);
  await tile.click();
  await page.getByRole('heading', { level: 1, name: 'Results' }).waitFor();
  await closePage(page);
  await own.stop();
});

test('of what the overview cannot find out it says so', async () => {
  const page = await open(browser, server, { at: '#/jobs' });
  for (const path of ['usage/expiring*', 'results*']) await page.route(`**/api/v1/${path}`, (route) => route.fulfill({ status: 500, json: { code: 'internal', detail: 'Out of order.' } }));
  await page.evaluate(() => (location.hash = '#/'));
  for (const name of ['Expires next', 'Latest']) await page.getByRole('region', { name }).getByText('Out of order.').waitFor();
  assert.equal(await page.getByText(/No results yet|Nothing that is there expires/).count(), 0);
  await page.unrouteAll();
  await page.getByRole('region', { name: 'Latest' }).getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('region', { name: 'Latest' }).getByText('Out of order.').waitFor({ state: 'detached' });
  page.faults = page.faults.filter((fault) => !/status of 500/.test(fault));
  await closePage(page);
});

test('days of a chart are those that the server counts', async () => {
  const utc = () => new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date());
  const page = await open(browser, server, { at: '#/?hours=8760', zone: 'Pacific/Pago_Pago' });
  const chart = page.getByRole('region', { name: 'Results by state', exact: true });
  await eventually(async () => {
    const before = utc();
    await page.reload();
    await chart.getByText('As a table').click();
    return (await chart.getByRole('rowheader').first().innerText()) === `${before}, UTC`;
  }, 'the newest day is the one of now');
  await closePage(page);
});

test('a job shows how far it is, its input as it was sent, and its results', async () => {
  const input = '{"scale":1.50,"page":7}';
  const job = await server.api('POST', '/jobs', `{"kind":"render","reference_id":"order-7","input":${input}}`, { 'Content-Type': 'application/json' });
  const page = await open(browser, server, { at: `#/jobs/${job.id}` });
  await page.locator('.badges').getByText('queued').waitFor();
  await page.getByText('1.50').waitFor();
  await server.api('POST', `/jobs/${job.id}/progress`, { progress: 0.42 });
  await page.locator('.badges').getByText('42 %').waitFor();
  await server.api('PUT', `/jobs/${job.id}/results/page.txt`, 'seven', { 'Content-Type': 'text/plain' });
  await server.api('POST', `/jobs/${job.id}/finish`);
  await page.locator('.badges').getByText('completed').waitFor();
  await page.getByRole('link', { name: 'page.txt' }).waitFor();
  const listing = execFileSync('unzip', ['-l', await download(page, 'Download all (ZIP)')], { encoding: 'utf8' });
  assert.match(listing, /page\.txt/);
  await closePage(page);
});

test('a job is cancelled, deleted with its results, and brought back', async () => {
  const job = await server.api('POST', '/jobs', { kind: 'render', reference_id: 'order-8' });
  await server.api('POST', `/jobs/${job.id}/progress`, { progress: 0.1 });
  await server.api('PUT', `/jobs/${job.id}/results/half.txt`, 'half', { 'Content-Type': 'text/plain' });
  const page = await open(browser, server, { at: `#/jobs/${job.id}` });
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Cancel…' }).click();
  assert.match(await dialog.innerText(), /1 result of 4 B stay/);
  await dialog.getByRole('button', { name: 'Cancel the job' }).click();
  await page.locator('.badges').getByText('cancelled').waitFor();
  await page.getByRole('button', { name: 'Delete…' }).click();
  assert.match(await dialog.innerText(), /1 result of 4 B.*30 days/s);
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.locator('.badges').getByText('deleted').waitFor();
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.locator('.badges').getByText('cancelled').waitFor();
  const { deleted_at: deleted } = await server.api('GET', `/jobs/${job.id}`);
  assert.equal(deleted, null);
  await closePage(page);
});

test('a batch is made, shows its jobs and results, and is downloaded as one archive', async () => {
  const page = await open(browser, server, { at: '#/batches' });
  await page.getByRole('button', { name: 'New batch…' }).click();
  await page.getByLabel('Name').fill('August');
  await page.getByLabel('Description').fill('<b>all of it</b>');
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('heading', { level: 1, name: 'August' }).waitFor();
  await page.getByText('<b>all of it</b>').waitFor();
  const batch = new URL(page.url()).hash.split('/').at(-1);
  const job = await server.api('POST', '/jobs', { kind: 'render', batch, reference_id: 'aug-1' });
  await server.api('PUT', `/jobs/${job.id}/results/day.txt`, 'first', { 'Content-Type': 'text/plain' });
  await server.api('POST', `/jobs/${job.id}/finish`);
  await page.reload();
  await page.getByRole('link', { name: 'aug-1' }).waitFor();
  await page.getByRole('button', { name: 'Results' }).click();
  await page.getByRole('link', { name: 'day.txt' }).waitFor();
  await page.waitForURL(/tab=results/);
  const listing = execFileSync('unzip', ['-l', await download(page, 'Download all (ZIP)')], { encoding: 'utf8' });
  assert.match(listing, /aug-1\/day\.txt/);
  await goTo(page, '#/batches', 'Batches');
  await inGrid(page, 'August').getByText('1 completed').waitFor();
  await closePage(page);
});

test('the trash gives back, or loses for good, what it says', async () => {
  const kept = await server.publish('give-back.txt', 'text/plain', 'x');
  const lost = await server.publish('lose.txt', 'text/plain', 'y'.repeat(3000));
  for (const { id } of [kept, lost]) await server.api('DELETE', `/results/${id}`);
  const job = await server.api('POST', '/jobs', { kind: 'render', reference_id: 'thrown' });
  await server.api('DELETE', `/jobs/${job.id}`);
  const page = await open(browser, server, { at: '#/trash' });
  await page.getByText(/2 results of .* 30 days/).waitFor();
  await page.getByRole('button', { name: 'Restore give-back.txt' }).click();
  await inGrid(page, 'give-back.txt').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Delete for good… lose.txt' }).click();
  const dialog = page.getByRole('dialog');
  assert.match(await dialog.innerText(), /1 result of 2\.93 KiB is lost at once.*cannot be restored/s);
  await dialog.getByRole('button', { name: 'Delete for good' }).click();
  await page.getByText('No results are in the trash').waitFor();
  await page.getByRole('button', { name: 'Jobs' }).click();
  await page.getByRole('button', { name: 'Restore thrown' }).click();
  await page.getByText('No jobs are in the trash').waitFor();
  assert.equal((await server.api('GET', `/results/${kept.id}`)).deleted_at, null);
  const gone = await fetch(`${server.url}/api/v1/results/${lost.id}`, { headers: { Authorization: `Bearer ${server.key}` } });
  assert.equal(gone.status, 404);
  await closePage(page);
});

test('a result that was deleted with its job comes back with it', async () => {
  const job = await server.api('POST', '/jobs', { kind: 'render', reference_id: 'order-9' });
  const { id } = await server.api('PUT', `/jobs/${job.id}/results/with-job.txt`, 'x', { 'Content-Type': 'text/plain' });
  await server.api('DELETE', `/jobs/${job.id}`);
  const page = await open(browser, server, { at: '#/trash' });
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'Restore with-job.txt' }).click();
  assert.match(await dialog.innerText(), /with-job\.txt is a result of the job order-9, which is deleted/);
  await dialog.getByRole('button', { name: 'Restore the job' }).click();
  await inGrid(page, 'with-job.txt').waitFor({ state: 'detached' });
  assert.equal((await server.api('GET', `/results/${id}`)).deleted_at, null);
  page.faults = page.faults.filter((fault) => !/status of 409/.test(fault));
  await closePage(page);
});

test('the results of a job that goes on stay where one has scrolled to', async () => {
  const job = await server.api('POST', '/jobs', { kind: 'render', reference_id: 'many' });
  await server.api('POST', `/jobs/${job.id}/progress`, { progress: 0.5 });
  const add = (n) => server.api('PUT', `/jobs/${job.id}/results/part-${n}.txt`, 'x', { 'Content-Type': 'text/plain' });
  for (let n = 0; n < 40; n++) await add(n);
  const page = await open(browser, server, { at: `#/jobs/${job.id}` });
  await page.getByText('40 loaded').waitFor();
  const grid = page.getByRole('grid');
  await grid.evaluate((box) => {
    box.scrollTop = 600;
    box.wasHere = true;
  });
  await add('last');
  await page.getByText('41 loaded').waitFor();
  assert.deepEqual(await grid.evaluate((box) => [box.scrollTop, box.wasHere]), [600, true]);
  await closePage(page);
});

const opens = (key) => fetch(`${server.url}/api/v1/usage`, { headers: { Authorization: `Bearer ${key}` } }).then((answer) => answer.status);

test('keys are made, shown once, rotated and revoked', async () => {
  const page = await open(browser, server, { at: '#/keys' });
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'New key…' }).click();
  await dialog.getByLabel('Name').fill('for reports');
  await dialog.getByRole('checkbox', { name: /^write/ }).check();
  await dialog.getByLabel('Works').selectOption({ label: '30 days' });
  await dialog.getByRole('button', { name: 'Make it' }).click();
  const first = await dialog.getByLabel('Key', { exact: true }).inputValue();
  await dialog.getByRole('button', { name: 'Done' }).click();
  assert.equal(await opens(first), 200);
  assert.match(await inGrid(page, 'for reports').innerText(), /read, write/);
  await page.getByRole('button', { name: 'Rotate for reports' }).click();
  await dialog.getByRole('button', { name: 'Rotate' }).click();
  const second = await dialog.getByLabel('Key', { exact: true }).inputValue();
  assert.deepEqual([await opens(first), await opens(second)], [401, 200]);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Revoke for reports' }).click();
  assert.match(await dialog.innerText(), /cannot be brought back/);
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await inGrid(page, 'for reports').getByText('revoked').waitFor();
  assert.equal(await opens(second), 401);
  await closePage(page);
});

test('of the key one is signed in with a new secret is shown, and one stays signed in', async () => {
  const key = server.newKey('admin');
  const page = await open(browser, server, { key, at: '#/keys' });
  const dialog = page.getByRole('dialog');
  const session = await page.evaluate(() => fetch('-/session').then((answer) => answer.json()));
  const own = page.getByRole('row').filter({ hasText: session.name });
  await own.getByRole('button', { name: /^Rotate/ }).click();
  assert.match(await dialog.innerText(), /You are signed in with it/);
  const again = page.waitForResponse((answer) => answer.url().endsWith('/-/session') && answer.request().method() === 'POST');
  await dialog.getByRole('button', { name: 'Rotate' }).click();
  await again;
  const next = await dialog.getByLabel('Key', { exact: true }).inputValue();
  assert.deepEqual([await opens(key), await opens(next)], [401, 200]);
  // It stays, whatever becomes of the session meanwhile.
  await page.context().clearCookies();
  await page.evaluate(() => (location.hash = '#/jobs'));
  await page.getByText('Your session has ended').waitFor();
  assert.equal(await dialog.getByLabel('Key', { exact: true }).inputValue(), next);
  await dialog.getByRole('button', { name: 'Done' }).click();
  await signIn(page, next);
  await goTo(page, '#/keys', 'Keys');
  await own.getByRole('button', { name: /^Revoke/ }).click();
  assert.match(await dialog.innerText(), /this session ends at once/);
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await page.getByText('Your session has ended').waitFor();
  assert.equal(await dialog.count(), 0);
  await closePage(page);
});

test('users are made, changed, deactivated and activated', async () => {
  const page = await open(browser, server, { at: '#/users' });
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'New user…' }).click();
  await dialog.getByLabel('Name').fill('ada');
  await dialog.getByLabel('Password').fill('correct horse battery');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await inGrid(page, 'ada').waitFor();
  await page.getByRole('button', { name: 'Change ada' }).click();
  await dialog.getByRole('checkbox', { name: 'Staff' }).check();
  await dialog.getByRole('button', { name: 'Change' }).click();
  await inGrid(page, 'ada').getByText('staff').waitFor();
  await page.getByRole('button', { name: 'Deactivate ada' }).click();
  await dialog.getByRole('button', { name: 'Deactivate' }).click();
  await inGrid(page, 'ada').getByText('deactivated').waitFor();
  await page.getByRole('button', { name: 'Activate ada', exact: true }).click();
  await page.getByRole('button', { name: 'Deactivate ada' }).waitFor();
  await closePage(page);
});

test('a storage is made, tested, changed and deleted', async () => {
  const page = await open(browser, server, { at: '#/storages' });
  const dialog = page.getByRole('dialog');
  await page.getByRole('button', { name: 'New storage…' }).click();
  await dialog.getByLabel('Name').fill('ours');
  await dialog.getByLabel('Address').fill('s3://bucket/results');
  await dialog.getByLabel('Endpoint').fill('https://127.0.0.1:9');
  await dialog.getByLabel('Access key id').fill('AKIAEXAMPLE');
  await dialog.getByLabel('Secret access key').fill('secret');
  await dialog.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('button', { name: 'Test ours' }).click();
  await page.locator('.toast').getByText(/ours: .* failed/).waitFor();
  await inGrid(page, 'ours').getByText('invalid').waitFor();
  const shown = async () => (await server.api('GET', '/storages')).data[0];
  const before = await shown();
  await page.getByRole('button', { name: 'Change ours' }).click();
  await dialog.getByLabel('Endpoint').fill('https://127.0.0.1:10');
  await dialog.getByRole('button', { name: 'Change' }).click();
  await dialog.getByRole('alert').getByText('another endpoint needs the secret_access_key').waitFor();
  await dialog.getByLabel('Secret access key').fill('another');
  await dialog.getByLabel('The bucket stands').selectOption({ label: 'in the host' });
  await dialog.getByLabel('Delivers by').selectOption('redirect');
  await dialog.getByLabel('Lifetime of links').fill('90');
  await dialog.getByRole('checkbox', { name: /^Default/ }).check();
  await dialog.getByRole('button', { name: 'Change' }).click();
  await inGrid(page, 'ours').locator('.is-default').waitFor();
  const changes = { endpoint: 'https://127.0.0.1:10', path_style: false, deliver: 'redirect', link_lifetime: 90, default: true };
  const after = await shown();
  assert.deepEqual(after, { ...before, ...changes, state: 'new', changed_at: after.changed_at });
  // What the form does not change stays, and what is emptied goes back to how the server is set.
  await page.getByRole('button', { name: 'Change ours' }).click();
  await dialog.getByLabel('Lifetime of links').fill('');
  await dialog.getByRole('checkbox', { name: /^Default/ }).uncheck();
  await dialog.getByRole('button', { name: 'Change' }).click();
  await inGrid(page, 'ours').locator('.is-default').waitFor({ state: 'detached' });
  const last = await shown();
  assert.deepEqual(last, { ...after, link_lifetime: null, default: false, changed_at: last.changed_at });
  await page.getByRole('button', { name: 'Delete ours' }).click();
  assert.match(await dialog.innerText(), /Objects in the bucket stay/);
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('There are no storages').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 400/.test(fault)); // of the endpoint without its secret
  await closePage(page);
});

test('of a key the strongest scope is in sight, on a phone too, and no action is cut off', async () => {
  await server.api('POST', '/users', { name: 'grace', password: 'correct horse battery' });
  await server.api('POST', '/storages', { name: 'theirs', url: 's3://bucket', credentials: { access_key_id: 'A', secret_access_key: 'B' } });
  await server.publish('thrown.txt', 'text/plain', 'x').then(({ id }) => server.api('DELETE', `/results/${id}`));
  for (const viewport of [DESKTOP, PHONE]) {
    const page = await open(browser, server, { viewport, at: '#/keys' });
    const row = page.getByRole('row').filter({ has: page.getByRole('button', { name: /^Rotate/ }) }).first();
    await row.getByText('admin: everything').waitFor();
    for (const at of ['#/keys', '#/users', '#/storages', '#/trash']) {
      await page.evaluate((to) => (location.hash = to), at);
      await page.getByRole('heading', { level: 1, name: new RegExp(at.slice(2), 'i') }).waitFor();
      await page.locator('.c-actions button').first().waitFor();
      const cut = await page.locator('.c-actions').evaluateAll((cells) => cells.filter((cell) => cell.scrollWidth > cell.clientWidth).length);
      assert.equal(cut, 0, at);
    }
    await closePage(page);
  }
});
