// SPDX-License-Identifier: Apache-2.0
// Signing in and out, what a session may, its end, and a server that goes away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertClean, below, browser, closePage, eventually, goTo, open, Server, server, signIn, useSite } from './support.mjs';

// What Chromium writes to the console of a request that the server's end has met, in whatever state.
const BROKEN_OFF = /net::ERR_/;
useSite();

test('an answer that comes before the first frame is drawn is not missed', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(() => {
    const later = window.setTimeout;
    window.setTimeout = (then, wait, ...more) => later(then, (wait ?? 0) < 100 ? 1000 : wait, ...more);
    window.requestAnimationFrame = (then) => later(then, 1000);
  });
  await page.goto(server.url);
  await page.getByLabel('Key', { exact: true }).waitFor();
  await context.close();
});

test('a key signs in, and only a cookie out of reach of scripts stays', async () => {
  const page = await open(browser, server);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const cookies = await page.context().cookies();
  assert.equal(cookies.length, 1);
  assert.equal(cookies[0].httpOnly, true);
  assert.equal(cookies[0].sameSite, 'Strict');
  const seen = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.ok(!seen.includes(server.key) && !seen.includes(cookies[0].value), seen);
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await closePage(page);
});

test('a wrong key is refused in words', async () => {
  const page = await open(browser, server, { key: null });
  await page.getByLabel('Key', { exact: true }).fill('rk_nobody');
  await page.getByRole('button', { name: 'Sign in' }).click();
  assert.match(await page.getByRole('alert').innerText(), /not valid/);
  const { key: brief } = await server.api('POST', '/keys', { name: 'brief', scopes: ['read'], expires_in: 1 });
  const status = async () => (await fetch(`${server.url}/api/v1/usage`, { headers: { Authorization: `Bearer ${brief}` } })).status;
  await eventually(async () => (await status()) === 401, 'the key expires');
  await page.getByLabel('Key', { exact: true }).fill(brief);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('this key expired at').waitFor();
  await signIn(page, server.key);
  await closePage(page);
});

test('signing out takes the cookie away', async () => {
  const page = await open(browser, server);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await eventually(async () => (await page.context().cookies()).length === 0, 'no cookie is left');
  await page.reload();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await closePage(page);
});

test('what the key may not do is not offered', async () => {
  const { id } = await server.publish('mine.txt', 'text/plain', 'mine');
  const page = await open(browser, server, { key: server.newKey('read') });
  const nav = await page.getByRole('navigation', { name: 'Pages' }).innerText();
  assert.ok(!/Keys|Users|Storages|Upload/.test(nav), nav);
  await goTo(page, `#/results/${id}`, 'mine.txt');
  assert.equal(await page.getByRole('button', { name: /Delete|Keep|Acknowledge/ }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Link…' }).count(), 1);
  await goTo(page, '#/keys', 'Keys');
  await page.getByText('lacks the scope admin').waitFor();
  await closePage(page);
});

test('a session that ends asks for the key, and goes on where one was', async () => {
  const short = await Server.start({ session_ttl: '6s' });
  const { id } = await short.publish('late.txt', 'text/plain', 'late');
  const page = await open(browser, short, { at: `#/results/${id}` });
  await page.getByRole('heading', { name: 'late.txt' }).waitFor();
  await eventually(async () => {
    await page.evaluate(() => (location.hash = `#/jobs?tag=${Math.random()}`));
    return page.getByText('Your session has ended').isVisible();
  }, 'the session ends');
  await page.evaluate((to) => (location.hash = to), `#/results/${id}`);
  await signIn(page, short.key);
  await page.getByRole('heading', { name: 'late.txt' }).waitFor();
  await closePage(page);
  await short.stop();
});

// Who may only write uploads what reads like a result, but has the path of somebody's key for its id, and hands an
// administrator the address of the page that shows it.
test('an address that leads elsewhere is not followed, nor an answer that names something else', async () => {
  server.newKey('read');
  const { data: keys } = await server.api('GET', '/keys');
  const victim = keys.find(({ scopes }) => scopes.length === 1);
  const seen = await server.publish('seen.txt', 'text/plain', 'seen');
  const bait = await server.publish('bait.json', 'application/json', JSON.stringify({ ...seen, name: 'invoice.pdf', id: `../keys/${victim.id}` }));
  const page = await open(browser, server, { at: '#/jobs' });
  const asked = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/api/') && pathname !== '/api/v1/jobs') asked.push(`${request.method()} ${pathname}`);
  });
  const isRefused = async (hash) => {
    await page.evaluate((to) => (location.hash = to), hash);
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByRole('button', { name: /Delete|Restore|Cancel/ }).count(), 0, hash);
    await goTo(page, '#/jobs', 'Jobs');
  };
  for (const kind of ['results', 'jobs', 'batches'])
    for (const way of [`..%2Fresults%2F${bait.id}%2Fcontent`, `${bait.id}%2F..%2F${bait.id}%2Fcontent`, '..', `${bait.id}%3Fx`, `${bait.id}%23`])
      await isRefused(`#/${kind}/${way}`);
  assert.deepEqual(asked, []);
  // As if there were another way to make the server answer so.
  await page.route(`**/api/v1/*/${seen.id}`, (route) => route.fulfill({ json: { ...seen, input: null, jobs: {}, results: [], id: `../keys/${victim.id}` } }));
  for (const kind of ['results', 'jobs', 'batches']) await isRefused(`#/${kind}/${seen.id}`);
  assert.deepEqual(asked.filter((line) => !line.startsWith('GET ')), []);
  await closePage(page);
});

test('while the server is away the page says so, and goes on by itself', async () => {
  const own = await Server.start();
  const { id } = await own.publish('there.txt', 'text/plain', 'still there');
  const page = await open(browser, own);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await own.down('SIGKILL');
  await page.evaluate((to) => (location.hash = to), `#/results/${id}`);
  await page.getByText('The server cannot be reached').waitFor();
  await page.getByText(/Next try in \d+ s|Trying/).waitFor();
  await own.up();
  await page.getByRole('heading', { name: 'there.txt' }).waitFor();
  await page.getByText('The server cannot be reached').waitFor({ state: 'detached' });
  page.faults = page.faults.filter((fault) => !BROKEN_OFF.test(fault));
  await closePage(page);
  await own.stop();
});

test('what changes something while the server is away fails in words', async () => {
  const own = await Server.start();
  const { id } = await own.publish('keep-me.txt', 'text/plain', 'x');
  const page = await open(browser, own, { at: `#/results/${id}` });
  await page.getByRole('button', { name: 'Keep' }).waitFor();
  await own.down('SIGKILL');
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.locator('.toast').getByText('The server cannot be reached').waitFor();
  await own.up();
  await page.locator('.away').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.getByRole('button', { name: 'Kept' }).waitFor();
  page.faults = page.faults.filter((fault) => !BROKEN_OFF.test(fault));
  await closePage(page);
  await own.stop();
});

test('a fault in one page is said there, and the others go on', async () => {
  const { id } = await server.api('POST', '/batches', { name: 'odd' });
  const page = await open(browser, server);
  // As of a server of another version: an answer without a member that is drawn.
  await page.route(`**/api/v1/batches/${id}`, (route) => route.fulfill({ json: { id, name: 'odd', created_at: '2026-11-21T00:00:00Z' } }));
  await page.evaluate((to) => (location.hash = to), `#/batches/${id}`);
  await page.getByRole('alert').getByText(/went wrong.*TypeError/).waitFor();
  await page.getByRole('heading', { level: 1, name: 'Batches' }).waitFor();
  await goTo(page, '#/jobs', 'Jobs');
  await page.unrouteAll();
  await page.goBack();
  await page.getByRole('heading', { level: 1, name: 'odd' }).waitFor();
  // So it is with the filters of one page.
  await server.publish('drawn.txt', 'text/plain', 'x');
  await page.route('**/api/v1/results?*state=any*', (route) => route.fulfill({ json: { data: [null], next_cursor: null } }));
  await page.evaluate(() => (location.hash = '#/results?state=any'));
  await page.getByRole('alert').getByText(/went wrong.*TypeError/).waitFor();
  await page.evaluate(() => (location.hash = '#/results?name=drawn.txt'));
  await page.getByRole('link', { name: 'drawn.txt' }).waitFor();
  page.faults = page.faults.filter((fault) => !/TypeError/.test(fault));
  await closePage(page);
});

test('a bucket that fails is no server that is away', async () => {
  const { id } = await server.publish('in-bucket.txt', 'text/plain', 'there again');
  const page = await open(browser, server, { at: '#/jobs' });
  const storage = { status: 503, json: { code: 'storage', detail: 'The bucket does not answer.' } };
  await page.route('**/content', (route) => route.fulfill(route.request().method() === 'HEAD' ? { status: 503 } : storage));
  await goTo(page, `#/results/${id}`, 'in-bucket.txt');
  await page.getByRole('alert').getByText('The bucket does not answer.').waitFor();
  assert.equal(await page.locator('.away').count(), 0);
  await page.getByRole('link', { name: 'Download', exact: true }).click();
  await page.locator('.toast').getByText('The bucket does not answer.').waitFor();
  assert.equal(await page.locator('.away').count(), 0);
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('pre').getByText('there again').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 503/.test(fault));
  await closePage(page);
});

test('a server that is there and cannot is asked less and less often', async () => {
  const page = await open(browser, server, { at: '#/jobs' });
  let asked = 0;
  await page.route('**/api/v1/results*', (route) => {
    asked++;
    return route.fulfill({ status: 503, headers: asked === 1 ? { 'Retry-After': '2' } : {}, json: { code: 'database', detail: 'The database failed.' } });
  });
  await page.evaluate(() => (location.hash = '#/results'));
  await page.getByText('The database failed.').waitFor();
  for (const seconds of ['[12]', '[34]', '[5-8]']) await page.getByText(new RegExp(`Next try in ${seconds} s`)).waitFor();
  assert.ok(asked <= 4, `${asked} times`);
  await page.unrouteAll();
  await page.getByRole('button', { name: 'Try now' }).click();
  await page.locator('.foot').getByText('loaded').waitFor();
  page.faults = page.faults.filter((fault) => !/status of 503/.test(fault));
  await closePage(page);
});

test('letters lead to pages, and can be switched off', async () => {
  const page = await open(browser, server);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await page.getByRole('heading', { level: 1, name: 'Results' }).waitFor();
  await page.keyboard.press('/');
  await eventually(() => page.evaluate(() => document.activeElement.dataset.filter === 'name'), 'the focus on the filter of names');
  await page.getByRole('button', { name: 'Keyboard' }).click();
  await page.getByRole('dialog', { name: 'Keyboard' }).getByRole('checkbox').uncheck();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('j');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Results');
  await closePage(page);
});

test('below a path of a proxy it is the same', async () => {
  const proxy = await below('/there', server);
  const { id } = await server.publish('below.txt', 'text/plain', 'below a path');
  const page = await open(browser, proxy, { at: `#/results/${id}` });
  await page.locator('pre').getByText('below a path').waitFor();
  await closePage(page);
  proxy.close();
});

test('light or dark is chosen and kept', async () => {
  const page = await open(browser, server);
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  const isDark = () => eventually(async () => (await ground()) !== light, 'the ground is dark');
  await page.getByLabel('Colours').selectOption('dark');
  await isDark();
  await page.reload();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await isDark();
  assertClean(page);
  await closePage(page);
});
