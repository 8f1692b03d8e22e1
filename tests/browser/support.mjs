// SPDX-License-Identifier: Apache-2.0
// What the browser tests stand on: a server of their own, a client of its API, and Chromium, whose pages fail the test
// where they write an error to the console or ask another server for anything.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { deflateSync } from 'node:zlib';

const modules = createRequire(join(process.env.WEB_MODULES, 'from-here.js'));
const { chromium } = modules('playwright-core');
const AXE = readFileSync(modules.resolve('axe-core/axe.min.js'), 'utf8');
const RESULTD = process.env.RESULTD;
export const PATIENCE = 20_000;
// Up to so many milliseconds, each time others, are put before each answer of the API: finds the assertions that do
// not wait for what they look at.
const DELAY = Number(process.env.RESULTD_TEST_DELAY ?? 0);
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

export async function eventually(check, what = 'the condition') {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const value = await check();
    if (value) return value;
    assert.ok(Date.now() < deadline, `not within ${PATIENCE} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

// --- the server ------------------------------------------------------------------------------------------------

// Those that run: a test that fails leaves its own behind, which must not keep the whole file from ending.
const running = new Set();

export class Server {
  static async start(settings = {}) {
    const server = new Server();
    server.folder = mkdtempSync(join(tmpdir(), 'resultd-page-'));
    server.data = join(server.folder, 'data');
    server.port = await freePort();
    server.url = `http://127.0.0.1:${server.port}`;
    server.settings = Object.entries(settings).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, value]);
    server.run('project', 'create', 'default');
    server.key = server.newKey('read,ack,write,delete,admin');
    await server.up();
    return server;
  }

  run(...words) {
    return execFileSync(RESULTD, [...words, '--data', this.data], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  }

  newKey(scopes) {
    return this.run('key', 'create', '--project', 'default', '--scopes', scopes);
  }

  async up() {
    const words = ['serve', '--data', this.data, '--listen', `127.0.0.1:${this.port}`, ...this.settings];
    this.process = spawn(RESULTD, words, { stdio: ['ignore', 'ignore', 'ignore'] });
    running.add(this);
    this.process.once('exit', () => running.delete(this));
    await eventually(async () => {
      assert.equal(this.process.exitCode, null, 'the server has ended');
      return fetch(`${this.url}/-/live`).then((answer) => answer.ok, () => false);
    }, 'the server answers');
  }

  async down(signal = 'SIGTERM') {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    await ended;
  }

  async stop() {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  // The native API by the key. A body that is no text and no bytes is sent as JSON.
  async api(method, path, body, headers = {}) {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.key}`, ...(isRaw ? {} : { 'Content-Type': 'application/json' }), ...headers },
      body: isRaw ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  publish(name, type, body, more = '') {
    return this.api('POST', `/results?name=${encodeURIComponent(name)}${more}`, body, { 'Content-Type': type });
  }
}

// A proxy that has the server below a path.
export async function below(path, server) {
  const proxy = createHttpServer((from, to) => {
    if (!from.url.startsWith(`${path}/`)) {
      to.writeHead(404).end();
      return;
    }
    const options = { host: '127.0.0.1', port: server.port, method: from.method, path: from.url.slice(path.length), headers: from.headers };
    const on = request(options, (answer) => {
      to.writeHead(answer.statusCode, answer.headers);
      answer.pipe(to);
    });
    from.pipe(on);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const close = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { url: `http://127.0.0.1:${proxy.address().port}${path}`, key: server.key, close };
}

// --- what results hold -----------------------------------------------------------------------------------------

const CRC = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
  return Buffer.concat([head, body, tail]);
}

// A picture of some colours, made here.
export function png(width, height) {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = y * (width * 3 + 1) + 1 + x * 3;
      rows[at] = (x * 255) / width;
      rows[at + 1] = (y * 255) / height;
      rows[at + 2] = 160;
    }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

export function csv(rows) {
  const lines = ['id,name,city,price,sold_at'];
  const cities = ['Lisbon', 'Oslo', 'Kyoto', 'Quito', 'Accra'];
  for (let i = 1; i <= rows; i++) lines.push(`${i},Item ${i},${cities[i % 5]},${(i * 1.1).toFixed(2)},2026-0${(i % 9) + 1}-12`);
  return `${lines.join('\n')}\n`;
}

// --- the browser -----------------------------------------------------------------------------------------------

export async function startBrowser() {
  const isRoot = process.getuid?.() === 0;
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: isRoot ? ['--no-sandbox'] : [],
  });
}

// The browser of this file of tests and a server, which `fill` has filled: there from the first test to the last.
export let browser;
export let server;

export function useSite(fill = async () => {}) {
  before(async () => {
    browser = await startBrowser();
    server = await Server.start();
    await fill();
  });
  after(async () => {
    await browser.close();
    await Promise.all([...running].map((one) => one.stop()));
  });
}

// A page of a context of its own. `faults` gathers what must not be; a test that expects some takes it out.
export async function open(browser, server, { scheme = 'light', viewport = DESKTOP, key = server.key, at = '#/', zone } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport, timezoneId: zone, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] });
  if (DELAY) await context.route(/\/(api|-\/session)/, (route) => setTimeout(() => route.continue().catch(() => {}), Math.random() * DELAY));
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.faults = [];
  page.on('console', (message) => message.type() === 'error' && page.faults.push(`console: ${message.text()} ${message.location().url}`));
  page.on('pageerror', (error) => page.faults.push(`error: ${error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(server.url) && !url.startsWith('blob:') && !url.startsWith('data:')) page.faults.push(`asks ${url}`);
  });
  await page.goto(`${server.url}/${at}`);
  if (key) await signIn(page, key);
  return page;
}

export async function signIn(page, key) {
  await page.getByLabel('Key', { exact: true }).fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}

// Nothing but the 401 of who is not signed in yet, which Chromium writes to the console.
export function assertClean(page) {
  const faults = page.faults.filter((fault) => !/status of 401/.test(fault));
  assert.deepEqual(faults, []);
}

export async function closePage(page) {
  assertClean(page);
  await page.context().close();
}

export async function goTo(page, hash, heading) {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  await page.getByText('Loading…').first().waitFor({ state: 'detached' });
}

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

// What axe-core says of the page as it is now.
export async function examine(page) {
  await page.evaluate(AXE);
  return page.evaluate((rules) => axe.run(document, { runOnly: rules }), RULES);
}

export async function assertAccessible(page, what) {
  const { violations } = await examine(page);
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => `${node.html} ${node.any[0]?.message ?? ''}`).join(' | ')}`);
  assert.deepEqual(told, [], what);
}

// --- many results ----------------------------------------------------------------------------------------------

const AT_ONCE = 64;
const CREATED = 'HTTP/1.1 201';

// So many results of a few bytes, as fast as the server takes them: bare connections, each with many requests on
// their way.
export function publishMany(server, amount) {
  const request = `POST /api/v1/results?name=many.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${server.key}\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nmany`;
  const connections = 16;
  const share = Math.ceil(amount / connections);
  const one = () =>
    new Promise((resolve, reject) => {
      let sent = 0;
      let answered = 0;
      let rest = '';
      const socket = connect(server.port, '127.0.0.1');
      const fill = () => {
        const more = Math.min(share - sent, AT_ONCE - (sent - answered));
        if (more <= 0) return;
        socket.write(request.repeat(more));
        sent += more;
      };
      socket.on('connect', fill);
      socket.on('data', (data) => {
        const pieces = (rest + data.toString('latin1')).split(CREATED);
        answered += pieces.length - 1;
        rest = pieces.at(-1).slice(1 - CREATED.length); // the next piece may end what this one began
        if (answered < share) fill();
        else resolve(socket.destroy());
      });
      socket.on('error', reject);
      socket.on('close', () => answered < share && reject(new Error(`closed after ${answered} of ${share}`)));
    });
  return Promise.all(Array.from({ length: connections }, one));
}
