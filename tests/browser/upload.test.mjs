// SPDX-License-Identifier: Apache-2.0
// Uploads: by choosing and by drop, with progress, cancelled, cut off and tried again.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assertClean, browser, closePage, eventually, goTo, open, Server, server, signIn, useSite } from './support.mjs';

const LARGE = 60 * 1024 * 1024;
let folder;
useSite(async () => {
  folder = mkdtempSync(join(tmpdir(), 'resultd-files-'));
  writeFileSync(join(folder, 'large.bin'), Buffer.alloc(LARGE, 7));
});
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const row = (page, name) => page.locator('.upload').filter({ hasText: name });
const file = (name, text) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
const choose = (page, files) => page.locator('input[type=file]').setInputFiles(files);

// Chromium at so many bytes a second: of what is on this machine nobody sees how far it is.
async function slowDown(page, rate) {
  page.network ??= await page.context().newCDPSession(page);
  await page.network.send('Network.enable');
  await page.network.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: rate });
}

test('files of one drop become the results of one finished job', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  await page.getByLabel('Kind of job').fill('scans');
  await page.getByLabel('They live for').selectOption({ label: '30 days' });
  // A drop, as the browser makes it of files that are dragged in.
  const dropped = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['first'], 'one.txt', { type: 'text/plain' }));
    data.items.add(new File([''], 'empty.txt', { type: 'text/plain' }));
    data.items.add(new File(['third'], '<img src=x>.txt', { type: 'text/plain' }));
    return data;
  });
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: dropped });
  await page.getByText('3 files uploaded').waitFor();
  const { data: jobs } = await server.api('GET', '/jobs?kind=scans');
  assert.equal(jobs.length, 1);
  assert.equal(jobs[0].status, 'completed');
  assert.deepEqual(jobs[0].results.map(({ name }) => name).sort(), ['<img src=x>.txt', 'empty.txt', 'one.txt']);
  const one = await server.api('GET', `/results/${jobs[0].results[0].id}`);
  assert.ok(Date.parse(one.expires_at) - Date.now() > 29 * 86400_000);
  await page.getByRole('link', { name: 'one.txt' }).click();
  await page.locator('pre').getByText('first').waitFor();
  await closePage(page);
});

test('they go into a batch', async () => {
  const batch = await server.api('POST', '/batches', { name: 'July' });
  const page = await open(browser, server, { at: '#/upload' });
  await page.getByLabel('Batch').selectOption('July');
  await choose(page, [file('in-batch.txt', 'x')]);
  await page.getByText('1 file uploaded').waitFor();
  const { data } = await server.api('GET', `/results?batch=${batch.id}`);
  assert.deepEqual(data.map(({ name }) => name), ['in-batch.txt']);
  await closePage(page);
});

test('progress is shown, and what is cancelled leaves nothing', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  await page.getByLabel('Kind of job').fill('cancelled');
  await slowDown(page, 4 * 1024 * 1024);
  await choose(page, [join(folder, 'large.bin')]);
  const bar = page.getByRole('progressbar', { name: 'Upload of large.bin' });
  const share = () => bar.evaluate((element) => element.value);
  const early = await eventually(async () => ((await share()) > 0 ? share() : 0), 'some progress');
  await eventually(async () => (await share()) > early, 'more progress');
  assert.ok((await share()) < 1);
  // Another page in between does not stop it.
  await goTo(page, '#/results', 'Results');
  await goTo(page, '#/upload', 'Upload');
  await page.getByRole('button', { name: 'Cancel large.bin' }).click();
  await row(page, 'large.bin').getByText('cancelled').waitFor();
  await eventually(async () => {
    const { data } = await server.api('GET', '/jobs?kind=cancelled&deleted=any');
    return data.length === 1 && data[0].status === 'cancelled' && data[0].deleted_at !== null && data[0].results.length === 0;
  }, 'the job is cancelled and deleted');
  const { data } = await server.api('GET', '/results?name=large.bin&state=any&deleted=any');
  assert.deepEqual(data, []);
  assertClean(page);
  await page.context().close();
});

test('of several files one is cancelled, and the others arrive', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  await page.getByLabel('Kind of job').fill('partly');
  await slowDown(page, 2 * 1024 * 1024);
  for (const name of ['a.txt', 'b.txt']) writeFileSync(join(folder, name), name);
  await choose(page, ['large.bin', 'a.txt', 'b.txt'].map((name) => join(folder, name)));
  for (const name of ['a.txt', 'b.txt']) await row(page, name).getByText('uploaded').waitFor();
  await page.getByRole('button', { name: 'Cancel large.bin' }).click();
  await page.getByText('2 files uploaded').waitFor();
  const { data } = await server.api('GET', '/jobs?kind=partly');
  assert.deepEqual(data.map(({ status, results }) => [status, results.map(({ name }) => name).sort()]), [['completed', ['a.txt', 'b.txt']]]);
  await closePage(page);
});

test('what is cleared leaves no job running, and stays where its job cannot be ended', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  await page.getByLabel('Kind of job').fill('cleared');
  await choose(page, [file('twice.txt', 'one'), file('twice.txt', 'two')]);
  await row(page, 'twice.txt').getByText('failed').waitFor();
  const clear = page.getByRole('button', { name: 'Clear what has ended' });
  await page.route('**/finish', (route) => route.fulfill({ status: 500, json: { code: 'internal', detail: 'Not now.' } }));
  await clear.click();
  await page.locator('.toast').getByText('Not now.').waitFor();
  assert.equal(await row(page, 'twice.txt').count(), 2);
  await page.unroute('**/finish');
  await clear.click();
  await page.getByText('Nothing has been uploaded yet').waitFor();
  const { data } = await server.api('GET', '/jobs?kind=cleared');
  assert.deepEqual(data.map(({ status, results }) => [status, results.length]), [['completed', 1]]);
  page.faults = page.faults.filter((fault) => !/status of (409|500)/.test(fault));
  await closePage(page);
});

test('uploads end with the session, and nobody else sees them', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  await page.getByLabel('Kind of job').fill('left');
  await slowDown(page, 2 * 1024 * 1024);
  writeFileSync(join(folder, 'small.txt'), 'small');
  await choose(page, ['large.bin', 'small.txt'].map((name) => join(folder, name)));
  await row(page, 'small.txt').getByText('uploaded').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  assert.match(await page.getByRole('dialog').innerText(), /1 upload has not arrived/);
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  const { data } = await server.api('GET', '/jobs?kind=left');
  assert.deepEqual(data.map(({ status, results }) => [status, results.map(({ name }) => name)]), [['completed', ['small.txt']]]);
  await signIn(page, server.key);
  await page.getByText('Nothing has been uploaded yet').waitFor();
  // A session that ended goes on with its own key, and with no other.
  await slowDown(page, -1);
  await choose(page, [file('mine.txt', 'mine')]);
  await page.getByText('1 file uploaded').waitFor();
  const end = async () => {
    await page.context().clearCookies();
    await goTo(page, '#/jobs', 'resultd');
    await page.evaluate(() => (location.hash = '#/upload'));
  };
  await end();
  await signIn(page, server.key);
  await row(page, 'mine.txt').waitFor();
  await end();
  await signIn(page, server.newKey('read,write'));
  await page.getByText('Nothing has been uploaded yet').waitFor();
  await closePage(page);
});

test('what was cut off is tried again under the same job', async () => {
  const own = await Server.start();
  const page = await open(browser, own, { at: '#/upload' });
  await slowDown(page, 6 * 1024 * 1024);
  await choose(page, [join(folder, 'large.bin')]);
  const bar = page.getByRole('progressbar', { name: 'Upload of large.bin' });
  await eventually(() => bar.evaluate((element) => element.value > 0), 'some progress');
  await own.down('SIGKILL');
  await row(page, 'large.bin').getByText('broke off').waitFor();
  await own.up();
  await slowDown(page, -1);
  await page.getByRole('button', { name: 'Try again: large.bin' }).click();
  await page.getByText('1 file uploaded').waitFor();
  const { data } = await own.api('GET', '/jobs');
  assert.equal(data.length, 1);
  assert.equal(data[0].status, 'completed');
  assert.equal(data[0].results[0].size, LARGE);
  page.faults = page.faults.filter((fault) => !/ERR_/.test(fault));
  await closePage(page);
  await own.stop();
});

test('a file that changes while it is sent is not taken for a connection that broke off', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  const path = join(folder, 'log.bin');
  writeFileSync(path, Buffer.alloc(LARGE, 1));
  await slowDown(page, 4 * 1024 * 1024);
  await choose(page, [path]);
  const bar = page.getByRole('progressbar', { name: 'Upload of log.bin' });
  await eventually(() => bar.evaluate((element) => element.value > 0), 'some progress');
  writeFileSync(path, Buffer.alloc(LARGE / 4, 2));
  await row(page, 'log.bin').getByText('was changed').waitFor();
  await slowDown(page, -1);
  await page.getByRole('button', { name: 'Try again: log.bin' }).click();
  await row(page, 'log.bin').getByText('was changed').waitFor();
  await page.getByRole('button', { name: 'Leave out: log.bin' }).click();
  await row(page, 'log.bin').getByText('cancelled').waitFor();
  const { data } = await server.api('GET', '/results?name=log.bin&state=any');
  assert.deepEqual(data, []);
  page.faults = page.faults.filter((fault) => !/ERR_/.test(fault));
  await closePage(page);
});

test('a name that is taken is refused in words', async () => {
  const page = await open(browser, server, { at: '#/upload' });
  await choose(page, [file('same.txt', 'one'), file('same.txt', 'two')]);
  await row(page, 'same.txt').getByText('failed').waitFor();
  await page.getByRole('button', { name: 'Leave out: same.txt' }).click();
  await page.getByText('1 file uploaded').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 409/.test(fault));
  await closePage(page);
});
