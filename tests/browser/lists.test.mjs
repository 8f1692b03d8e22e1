// SPDX-License-Identifier: Apache-2.0
// Lists: filters in the address, keys, and a hundred thousand results.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { browser, closePage, eventually, goTo, open, publishMany, server, useSite } from './support.mjs';

const MANY = 100_000;
useSite(async () => {
  for (let i = 0; i < 30; i++) await server.publish(`file-${i}.txt`, 'text/plain', `${i}`);
  const { data } = await server.api('GET', '/results');
  for (const { id } of data.slice(0, 4)) await server.api('POST', `/results/${id}/ack`, {});
  await server.publish('<img src=x onerror=alert(1)>', 'text/html', '<script>alert(1)</script>');
});

const grid = (page) => page.getByRole('grid');
const loaded = (page, words) => page.locator('.foot').getByText(words).waitFor();

test('filters are in the address, and the way back undoes them', async () => {
  const page = await open(browser, server, { at: '#/results' });
  await loaded(page, '27 loaded');
  await page.getByLabel('State').selectOption('consumed');
  await loaded(page, '4 loaded');
  await page.waitForURL(/#\/results\?state=consumed$/);
  await page.getByLabel('Name').fill('file-29.txt');
  await loaded(page, '1 loaded');
  await page.waitForURL(/state=consumed&name=file-29.txt$/);
  await page.goBack();
  await loaded(page, '27 loaded');
  assert.equal(await page.getByLabel('State').inputValue(), '');
  await page.goForward();
  await loaded(page, '1 loaded');
  assert.equal(await page.getByLabel('Name').inputValue(), 'file-29.txt');
  await page.getByRole('button', { name: 'Clear' }).click();
  await loaded(page, '27 loaded');
  await closePage(page);
});

test('a copied address shows the same', async () => {
  const page = await open(browser, server, { at: '#/results?state=any&name=file-3.txt' });
  await loaded(page, '1 loaded');
  assert.equal(await grid(page).getByRole('link').innerText(), 'file-3.txt');
  await closePage(page);
});

test('what the address filters by is shown, and can be cleared', async () => {
  const { data } = await server.api('GET', '/results?name=file-3.txt&state=any');
  const page = await open(browser, server, { at: `#/results?job=${data[0].job}` });
  await loaded(page, '1 loaded');
  assert.equal(await page.getByLabel('Job', { exact: true }).inputValue(), data[0].job);
  assert.match(await page.getByLabel('Name').getAttribute('placeholder'), /whole/);
  await page.getByRole('button', { name: 'Clear' }).click();
  await loaded(page, '27 loaded');
  assert.equal(await page.getByLabel('Job', { exact: true }).count(), 0);
  await closePage(page);
});

test('time is a filter, and nothing is found in words', async () => {
  const page = await open(browser, server, { at: '#/results' });
  await page.getByLabel('Before').fill('2001-01-01');
  await page.getByText('No results match').waitFor();
  await page.getByLabel('Before').fill('');
  await loaded(page, '27 loaded');
  await closePage(page);
});

test('names are text, whatever is in them', async () => {
  const page = await open(browser, server, { at: '#/results' });
  await page.getByRole('link', { name: '<img src=x onerror=alert(1)>' }).click();
  await page.getByRole('heading', { level: 1, name: '<img src=x onerror=alert(1)>' }).waitFor();
  await page.getByText('<script>alert(1)</script>').waitFor();
  assert.equal(await page.locator('img[src="x"]').count(), 0);
  await closePage(page);
});

test('keys move in a list and open what is active', async () => {
  const page = await open(browser, server, { at: '#/results?state=any' });
  await loaded(page, '31 loaded');
  await grid(page).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowUp');
  const active = await grid(page).getAttribute('aria-activedescendant');
  const name = await page.locator(`[id="${active}"]`).getByRole('link').innerText();
  assert.equal(name, 'file-29.txt');
  await page.keyboard.press('End');
  await page.locator('.grid-row.active').getByText('file-0.txt').waitFor();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'file-29.txt' }).waitFor();
  await closePage(page);
});

test('a wrong filter is an error in the words of the server', async () => {
  const page = await open(browser, server, { at: '#/results?state=nonsense' });
  await page.getByRole('alert').getByText('state').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 400/.test(fault));
  await closePage(page);
});

test('a hundred thousand results are scrolled through, few of them in the document', async () => {
  await publishMany(server, MANY);
  const page = await open(browser, server, { at: '#/results?name=many.txt' });
  await loaded(page, 'so far');
  const rows = () => page.locator('.grid-body [role=row]').count();
  const text = () => page.locator('.foot').innerText();
  const count = async () => Number((await text()).split(' ')[0].replaceAll(',', ''));
  await grid(page).focus();
  // As far down as there is, again and again: each time the next page comes.
  while ((await count()) < MANY) {
    const before = await count();
    await page.keyboard.press('End');
    await eventually(async () => (await count()) > before, `more than ${before} results`);
  }
  assert.ok((await rows()) < 60, `${await rows()} rows in the document`);
  // As few, wherever the list is scrolled to, and those that belong there.
  for (let i = 1; i < 20; i++) {
    const middle = await grid(page).evaluate((box, part) => {
      box.scrollTop = part * (box.scrollHeight - box.clientHeight);
      return Math.round((box.scrollTop + box.clientHeight / 2) / (box.scrollHeight / Number(box.getAttribute('aria-rowcount'))));
    }, ((i * 7) % 20) / 20);
    const shown = () => page.locator('.grid-body [role=row]').evaluateAll((all) => all.map((row) => Number(row.getAttribute('aria-rowindex'))));
    await eventually(async () => (await shown()).some((row) => Math.abs(row - middle) < 20), `row ${middle} is shown`);
    assert.ok((await rows()) < 60, `${await rows()} rows in the document`);
  }
  await page.keyboard.press('Home');
  await eventually(async () => (await grid(page).evaluate((box) => box.scrollTop)) === 0);
  await closePage(page);
});

test('jobs have filters of their own', async () => {
  for (const [kind, tag] of [['render', 'red'], ['render', 'blue'], ['export', 'red']]) await server.api('POST', '/jobs', { kind, tag });
  const page = await open(browser, server);
  await goTo(page, '#/jobs?status=queued', 'Jobs');
  await loaded(page, '3 loaded');
  await page.getByLabel('Kind').fill('render');
  await loaded(page, '2 loaded');
  await page.getByLabel('Tag').fill('red');
  await loaded(page, '1 loaded');
  await closePage(page);
});
