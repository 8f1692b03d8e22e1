// SPDX-License-Identifier: Apache-2.0
// Whether everybody can use it: axe-core on every page, light and dark, wide and narrow; and by keys alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillPlaces, withDialogs } from './places.mjs';
import { assertAccessible, below, browser, closePage, DESKTOP, eventually, goTo, open, PHONE, server, useSite } from './support.mjs';

const places = [];
useSite(async () => places.push(...(await fillPlaces(server))));

for (const scheme of ['light', 'dark'])
  for (const [size, viewport] of [['wide', DESKTOP], ['narrow', PHONE]])
    test(`axe finds nothing, ${scheme} and ${size}`, async () => {
      const page = await open(browser, server, { scheme, viewport, key: null });
      await page.getByRole('button', { name: 'Sign in' }).waitFor();
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
        const { servers } = await (await fetch(at)).json();
        assert.match(new URL(servers[0].url, at).href, /\/there\/$/);
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
    await withDialogs(page, places, (title) => assertAccessible(page, title));
    await goTo(page, ...places[2]);
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
  const hasFocus = (text) => eventually(() => page.evaluate((words) => document.activeElement.textContent === words, text), `the focus on ${text}`);
  await hasFocus('Skip to the content');
  await page.keyboard.press('Enter');
  await eventually(() => page.evaluate(() => document.activeElement.id === 'main'), 'the focus on the content');
  await goTo(page, '#/results', 'Results');
  await hasFocus('Results');
  for (let i = 0; i < 20 && (await page.evaluate(() => document.activeElement.getAttribute('role'))) !== 'grid'; i++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'kept.txt' }).waitFor();
  await hasFocus('kept.txt');
  await page.keyboard.press('Tab');
  await hasFocus('Link…');
  await closePage(page);
});
