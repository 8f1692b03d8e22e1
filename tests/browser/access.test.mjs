// SPDX-License-Identifier: Apache-2.0
// Whether everybody can use it: axe-core on every page, light and dark, wide and narrow; and by keys alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertAccessible, below, browser, closePage, csv, DESKTOP, eventually, goTo, open, PHONE, png, server, useSite } from './support.mjs';

const places = [];
useSite(async () => {
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
  await server.api('POST', '/users', { name: 'ada', password: 'correct horse battery' });
  await server.api('POST', '/storages', { name: 'ours', url: 's3://bucket', credentials: { access_key_id: 'A', secret_access_key: 'B' } });
  places.push(
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
  );
});

for (const scheme of ['light', 'dark'])
  for (const [size, viewport] of [['wide', DESKTOP], ['narrow', PHONE]])
    test(`axe finds nothing, ${scheme} and ${size}`, async () => {
      const page = await open(browser, server, { scheme, viewport, key: null });
      await assertAccessible(page, 'sign-in');
      await page.context().close();
      const signed = await open(browser, server, { scheme, viewport });
      for (const [at, heading] of places) {
        await goTo(signed, at, heading);
        await assertAccessible(signed, at);
      }
      await closePage(signed);
    });

test('axe finds nothing in the pages about the APIs, and all of them are found below a path', async () => {
  const proxy = await below('/there', server);
  for (const scheme of ['light', 'dark']) {
    const page = await open(browser, proxy, { scheme, key: null, at: '-/docs' });
    const names = await page.locator('main a').allInnerTexts();
    assert.ok(names.length > 2);
    await assertAccessible(page, '/-/docs');
    for (const at of await page.locator('main a').evaluateAll((all) => all.map((link) => link.href))) {
      assert.match(at, /\/there\/-\//);
      if (!at.includes('/docs/')) {
        assert.equal((await fetch(at)).status, 200, at);
        continue;
      }
      await page.goto(at);
      await assertAccessible(page, at);
      for (const link of await page.locator('p a').evaluateAll((all) => all.map(({ href }) => href))) assert.equal((await fetch(link)).status, 200, link);
    }
    await closePage(page);
  }
  proxy.close();
});

test('axe finds nothing in dialogs and messages', async () => {
  for (const scheme of ['light', 'dark']) {
    const page = await open(browser, server, { scheme });
    const dialogs = [
      ['#/batches', 'Batches', 'New batch…'],
      ['#/keys', 'Keys', 'New key…'],
      ['#/users', 'Users', 'New user…'],
      ['#/storages', 'Storages', 'New storage…'],
      [...places[2], 'Link…'],
      [...places[2], 'Delete…'],
    ];
    for (const [at, heading, button] of dialogs) {
      await goTo(page, at, heading);
      await page.getByRole('button', { name: button }).click();
      await page.getByRole('dialog').waitFor();
      await assertAccessible(page, button);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
    await page.getByRole('button', { name: 'Copy SHA-256' }).click();
    await page.locator('.toast').waitFor();
    await assertAccessible(page, 'a message');
    await closePage(page);
  }
});

test('by keys alone: past the navigation, and to a result and its actions', async () => {
  const page = await open(browser, server);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await goTo(page, '#/results', 'Results');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Results');
  for (let i = 0; i < 20 && (await page.evaluate(() => document.activeElement.getAttribute('role'))) !== 'grid'; i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'kept.txt' }).waitFor();
  await eventually(() => page.evaluate(() => document.activeElement.textContent === 'kept.txt'), 'the heading has the focus');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Link…');
  await closePage(page);
});
