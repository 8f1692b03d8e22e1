// SPDX-License-Identifier: Apache-2.0
// A result's page: previews, downloads, its life, and what can be done to it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { browser, closePage, csv, eventually, goTo, open, png, Server, server, useSite } from './support.mjs';

const ROWS = 1_200_000;
useSite();

const show = async (page, { id, name }) => goTo(page, `#/results/${id}`, name);
const cell = (page, row, column) => page.locator(`[role=row][aria-rowindex="${row + 1}"] [aria-colindex="${column + 1}"]`);

test('over a million rows are scrolled to their end', async () => {
  const lines = ['n,word'];
  for (let i = 1; i <= ROWS; i++) lines.push(`${i},w${i}`);
  const result = await server.publish('large.csv', 'text/csv', `${lines.join('\n')}\n`);
  const page = await open(browser, server);
  await show(page, result);
  const grid = page.getByRole('grid');
  await cell(page, 1, 1).getByText('1', { exact: true }).waitFor();
  assert.equal(await grid.getAttribute('aria-rowcount'), String(ROWS + 1));
  await grid.focus();
  await page.keyboard.press('Control+End');
  await cell(page, ROWS, 2).getByText(`w${ROWS}`).waitFor();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('PageUp');
  await page.keyboard.press('Control+Home');
  await cell(page, 1, 2).getByText('w1', { exact: true }).waitFor();
  // By the bar: half way down is half of the rows, though each of its pixels is several of them.
  await grid.evaluate((box) => (box.scrollTop = (box.scrollHeight - box.clientHeight) / 2));
  const middle = await eventually(async () => {
    const rows = await page.locator('.grid-body [role=row]').evaluateAll((all) => all.map((row) => Number(row.getAttribute('aria-rowindex'))));
    return rows.find((row) => Math.abs(row - ROWS / 2) < 200);
  });
  await cell(page, middle - 1, 2).getByText(`w${middle - 1}`).waitFor();
  // By the wheel: row by row, also there.
  const first = () => page.locator('.grid-body [role=row]').first().getAttribute('aria-rowindex').then(Number);
  const before = await first();
  await grid.hover();
  await page.mouse.wheel(0, 300);
  await eventually(async () => (await first()) === before + 10, 'ten rows further');
  assert.ok((await page.locator('.grid-body [role=row]').count()) < 60);
  await closePage(page);
});

test('cells are text, digits stay, and keys move from cell to cell', async () => {
  const result = await server.publish('cells.csv', 'text/csv', 'amount,"<b>head</b>"\n1.10,"<img src=x onerror=alert(1)>"\n12345678901234567890,\n');
  const page = await open(browser, server);
  await show(page, result);
  await cell(page, 1, 1).getByText('1.10', { exact: true }).waitFor();
  await cell(page, 2, 1).getByText('12345678901234567890', { exact: true }).waitFor();
  await cell(page, 1, 2).getByText('<img src=x onerror=alert(1)>').waitFor();
  await page.getByRole('columnheader', { name: '<b>head</b>' }).waitFor();
  const grid = page.getByRole('grid');
  await grid.focus();
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowLeft']) await page.keyboard.press(key);
  const active = await grid.getAttribute('aria-activedescendant');
  assert.equal(await page.locator(`[id="${active}"]`).innerText(), '12345678901234567890');
  await closePage(page);
});

test('rows that did not come are asked for again, and null is no text', async () => {
  const table = `[${Array.from({ length: 3000 }, (_, n) => `{"n":${n},"a":${n % 2 ? 'null' : '"null"'}}`).join()}]`;
  const result = await server.publish('gaps.json', 'application/json', table);
  const page = await open(browser, server);
  await show(page, result);
  const grid = page.getByRole('grid');
  await grid.getByText('null').first().waitFor();
  const slants = await grid.getByText('null', { exact: true }).evaluateAll((all) => all.map((element) => getComputedStyle(element).fontStyle));
  assert.ok(slants.includes('italic') && slants.includes('normal'), slants.join());
  await page.route('**/rows?*', (route) => route.fulfill({ status: 500, json: { code: 'internal', detail: 'Not now.' } }));
  await grid.focus();
  await page.keyboard.press('Control+End');
  await page.getByRole('alert').getByText('Not now.').waitFor();
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).click();
  await grid.getByText('2999').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 500/.test(fault));
  await closePage(page);
});

test('JSON is a tree that opens as far as one likes', async () => {
  const document = '{"price":1.10,"inner":{"list":[1,"<i>x</i>",null,true]},"twice":1,"twice":2}';
  const result = await server.publish('tree.json', 'application/json', document);
  const page = await open(browser, server);
  await show(page, result);
  await page.getByText('1.10', { exact: true }).waitFor();
  assert.equal(await page.getByText('twice:').count(), 2);
  await page.getByText('inner:').click();
  await page.getByText('list:').click();
  await page.getByText('"<i>x</i>"').waitFor();
  await page.getByRole('button', { name: 'Text' }).click();
  await page.getByText(document).waitFor();
  await page.waitForURL(/view=text/);
  await closePage(page);
});

test('of a large document the first part is shown, and that is said', async () => {
  const result = await server.publish('large.json', 'application/json', `{"pieces":["${'x'.repeat(1000)}",${Array.from({ length: 400_000 }, (_, i) => i * 11).join(',')}]}`);
  const page = await open(browser, server);
  await show(page, result);
  await page.getByText(/This is the first 2.00 MiB of/).waitFor();
  await page.getByText('pieces:').click();
  await page.getByRole('button', { name: /Show more of/ }).waitFor();
  await closePage(page);
});

test('what is broken, empty or of another charset is shown as that', async () => {
  const previews = [
    ['cut.json', 'application/json', '{"total":3,"orders":[{"id":1},{"id":2,"su', 'This document breaks off'],
    ['number.json', 'application/json', '17', '17'],
    ['empty.txt', 'text/plain', '', 'It is empty.'],
    ['latin.txt', 'text/plain; charset=iso-8859-1', new Uint8Array([0x74, 0xe9, 0x74]), 'tét'],
    ['none.png', 'image/png', 'no picture', 'no picture of the kind image/png'],
  ];
  const page = await open(browser, server);
  for (const [name, type, content, words] of previews) {
    await show(page, await server.publish(name, type, content));
    await page.locator('.preview').getByText(words).waitFor();
    assert.equal(await page.getByText('breaks off').count(), name === 'cut.json' ? 1 : 0, name);
  }
  await closePage(page);
});

test('text is shown of its beginning, also of what was sent compressed', async () => {
  const long = await server.publish('long.log', 'text/plain', 'a line of the log\n'.repeat(20_000));
  const packed = await server.api('POST', '/results?name=packed.log', gzipSync('unpacked text\n'.repeat(10)), {
    'Content-Type': 'text/plain',
    'Content-Encoding': 'gzip',
  });
  const page = await open(browser, server);
  await show(page, long);
  await page.getByText('This is the first 64.0 KiB of 352 KiB').waitFor();
  assert.equal((await page.locator('pre').innerText()).length, 65536);
  await show(page, packed);
  await page.getByText('unpacked text').first().waitFor();
  await closePage(page);
});

test('pictures are shown, but none that can hold code', async () => {
  const picture = await server.publish('picture.png', 'image/png', png(64, 48));
  const drawing = await server.publish('drawing.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  const page = await open(browser, server);
  await show(page, picture);
  const image = page.getByRole('img', { name: 'The picture picture.png' });
  await eventually(() => image.evaluate((img) => img.complete && img.naturalWidth === 64));
  await show(page, drawing);
  await page.locator('pre').getByText('<script>alert(1)</script>').waitFor();
  assert.equal(await page.getByRole('img', { name: 'drawing' }).count(), 0);
  await closePage(page);
});

test('what has no preview says so', async () => {
  const result = await server.publish('some.bin', 'application/octet-stream', new Uint8Array(5000));
  const page = await open(browser, server);
  await show(page, result);
  await page.getByText('There is no preview of application/octet-stream').waitFor();
  await closePage(page);
});

test('it is downloaded as it is and in other formats', async () => {
  const result = await server.publish('table.csv', 'text/csv', csv(3));
  const page = await open(browser, server);
  await show(page, result);
  const fetchBy = async (name) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name, exact: true }).click()]);
    return [download.suggestedFilename(), readFileSync(await download.path(), 'utf8')];
  };
  assert.deepEqual(await fetchBy('Download'), ['table.csv', csv(3)]);
  const [name, text] = await fetchBy('JSON');
  assert.match(name, /^table.*\.json$/);
  assert.equal(JSON.parse(text).length, 3);
  const downloads = async ({ id }) => (await server.api('GET', `/results/${id}`)).downloads;
  await eventually(async () => (await downloads(result)) === 2, 'two downloads are counted');
  await page.reload();
  await page.getByText(/2 times/).waitFor();
  const looked = await server.publish('looked-at.txt', 'text/plain', 'looked at, then taken');
  await show(page, looked);
  await page.locator('pre').getByText('looked at').waitFor();
  assert.deepEqual(await fetchBy('Download'), ['looked-at.txt', 'looked at, then taken']);
  assert.equal(await eventually(() => downloads(looked), 'a download is counted'), 1, 'looking is none');
  await closePage(page);
});

test('acknowledge, keep, delete and restore', async () => {
  const result = await server.publish('life.txt', 'text/plain', 'x'.repeat(2048));
  const page = await open(browser, server);
  await show(page, result);
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await page.locator('.badges').getByText('acknowledged').waitFor();
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.getByText('does not expire').first().waitFor();
  assert.equal(await page.getByRole('button', { name: 'Delete…' }).isDisabled(), true);
  await page.getByRole('button', { name: 'Kept' }).click();
  await page.getByRole('button', { name: 'Delete…' }).click();
  const dialog = page.getByRole('dialog');
  assert.match(await dialog.innerText(), /1 result of 2\.00 KiB.*30 days/s);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await eventually(() => page.evaluate(() => document.activeElement.textContent === 'Delete…'), 'the focus is back');
  await page.getByRole('button', { name: 'Delete…' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('restore it first').waitFor();
  await page.getByRole('button', { name: 'Restore' }).click();
  await page.locator('pre').getByText('xxx').waitFor();
  assert.equal((await server.api('GET', `/results/${result.id}`)).deleted_at, null);
  await closePage(page);
});

test('a download that is refused says why', async () => {
  const result = await server.publish('refused.csv', 'text/csv', csv(3));
  const page = await open(browser, server);
  await show(page, result);
  await server.api('DELETE', `/results/${result.id}`);
  await page.getByRole('link', { name: 'JSON', exact: true }).click();
  await page.locator('.toast').getByText(/deleted/).waitFor();
  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Download', exact: true }).click();
  await page.getByText('Your session has ended').waitFor();
  page.faults = page.faults.filter((fault) => !/status of (404|409|410)/.test(fault));
  await closePage(page);
});

test('letting a result go whose time is over says that it expires at once', async () => {
  const [later, over] = [await server.publish('later.txt', 'text/plain', 'x', '&keep=true&expires_in=7200'), await server.publish('over.txt', 'text/plain', 'y', '&keep=true&expires_in=2')];
  const page = await open(browser, server);
  await show(page, later);
  await page.getByRole('button', { name: 'Kept' }).click();
  await page.locator('.toast').getByText(/kept no longer: it expires in [12] h/).waitFor();
  await show(page, over);
  await page.getByRole('button', { name: 'Kept' }).click();
  const dialog = page.getByRole('dialog');
  assert.match(await dialog.innerText(), /expires at once.*1 B cannot be read/s);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await server.api('GET', `/results/${over.id}`)).keep, true);
  await eventually(() => Date.now() > Date.parse(over.expires_at), 'its time is over');
  await page.getByRole('button', { name: 'Kept' }).click();
  await dialog.getByRole('button', { name: 'Let it expire' }).click();
  await page.locator('.badges').getByText('expired').waitFor();
  await closePage(page);
});

test('acknowledging says when it ends a life, where it does', async () => {
  const own = await Server.start({ consumed_ttl: '2h' });
  const { id } = await own.publish('long.txt', 'text/plain', 'x'.repeat(2048), '&expires_in=864000');
  const brief = await own.publish('brief.txt', 'text/plain', 'y', '&expires_in=3600');
  const page = await open(browser, own);
  await goTo(page, `#/results/${id}`, 'long.txt');
  const button = page.getByRole('button', { name: 'Acknowledge' });
  const dialog = page.getByRole('dialog');
  await button.click();
  assert.match(await dialog.innerText(), /lives for 2 hours more: it expires on .*, and not on .*2\.00 KiB cannot be read/s);
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await own.api('GET', `/results/${id}`)).state, 'available');
  await button.click();
  await dialog.getByRole('button', { name: 'Acknowledge' }).click();
  await page.locator('.badges').getByText('acknowledged').waitFor();
  const { expires_at: end } = await own.api('GET', `/results/${id}`);
  assert.ok(Date.parse(end) < Date.now() + 7_200_000 + 1000, end);
  await show(page, brief);
  await button.click();
  await page.locator('.badges').getByText('acknowledged').waitFor();
  assert.equal(await dialog.count(), 0);
  await closePage(page);
  await own.stop();
});

test('a link is made, copied, and opens the result without a key', async () => {
  const result = await server.publish('shared.txt', 'text/plain', 'for whoever has the link');
  const page = await open(browser, server);
  await show(page, result);
  await page.getByRole('button', { name: 'Link…' }).click();
  await page.getByLabel('Works for').selectOption({ label: '1 day' });
  await page.getByRole('button', { name: 'Make the link' }).click();
  await page.getByRole('button', { name: 'Copy address' }).click();
  const copied = await eventually(() => page.evaluate(() => navigator.clipboard.readText().then((text) => /^http/.test(text) && text)), 'an address is copied');
  assert.equal(await (await fetch(copied)).text(), 'for whoever has the link');
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('button', { name: 'Copy SHA-256' }).click();
  await eventually(async () => (await page.evaluate(() => navigator.clipboard.readText())) === result.sha256, 'the sum is copied');
  await closePage(page);
});

test('a result that is not there says so', async () => {
  const page = await open(browser, server, { at: '#/results/01a20679-9de5-77e7-969a-4bcf77224aca' });
  await page.getByRole('alert').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 404/.test(fault));
  await closePage(page);
});

test('on a phone nothing is wider than it', async () => {
  const narrowest = { width: 320, height: 700 }; // at which WCAG 2.1 measures what flows (1.4.10)
  const result = await server.publish(`${'a-very-long-name-'.repeat(12)}.csv`, 'text/csv', csv(50));
  const page = await open(browser, server, { viewport: narrowest });
  const places = [[`#/results/${result.id}`, result.name], ['#/results', 'Results'], ['#/', 'Overview'], ['#/upload', 'Upload'], ['#/trash', 'Trash']];
  for (const [at, heading] of places) {
    await goTo(page, at, heading);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= narrowest.width, `${at} is ${wide} pixels wide`);
    await eventually(async () => {
      const { x, width } = await page.locator('nav [aria-current]').boundingBox();
      return x >= 0 && x + width <= narrowest.width;
    }, `${at} is in sight in the navigation`);
  }
  for (const at of ['#/results', '#/jobs']) {
    await goTo(page, at, at === '#/jobs' ? 'Jobs' : 'Results');
    await page.locator('.folded summary').click();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= narrowest.width, `with its filters ${at} is ${wide} pixels wide`);
  }
  await closePage(page);
});
