// SPDX-License-Identifier: Apache-2.0
// Pictures of the page: shots.mjs FOLDER draws those of the documents, shots.mjs FOLDER all everything there is
// (gallery.mjs). The results are made over the API; the days before are written into the database of this throwaway
// server, since a chart of one hour shows nothing.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { draw, drawAll } from './gallery.mjs';
import { csv, DESKTOP, goTo, open, PHONE, png, Server, startBrowser } from './support.mjs';

const [, , folder, all] = process.argv;
const DAY_MICROSECONDS = 86_400_000_000;
const HOURS = 24 * 7;
const NAMES = ['orders', 'customers', 'stock', 'returns', 'visits', 'invoices', 'shipments', 'ratings'];

// A week that looks like one: quiet nights, and a little more each day.
function past() {
  const hour = 3_600_000_000;
  const now = Math.floor((Date.now() * 1000) / hour) * hour;
  const rows = [];
  for (let back = HOURS; back > 0; back--) {
    const at = now - back * hour;
    const share = (1 + Math.sin(((at % DAY_MICROSECONDS) / DAY_MICROSECONDS - 0.3) * 2 * Math.PI)) / 2;
    const grown = 1 - back / HOURS;
    const up = Math.round(2 + 18 * share + ((back * 7) % 4));
    const down = Math.round(1 + 24 * share + ((back * 5) % 5));
    const there = Math.round(6 + 12 * grown + 6 * share);
    const read = Math.round(1 + 5 * grown);
    const values = [at, up, up * 170_000, down, down * 160_000, up, up, 0, there, there * 230_000, read, read * 140_000, 0, 0, 4, 104_000];
    rows.push(`(1, ${values.join(', ')})`);
  }
  return `INSERT INTO usage_hour (project, at, uploads, uploaded_bytes, downloads, downloaded_bytes, acks, expired, deleted,
    available_results, available_bytes, consumed_results, consumed_bytes, expired_results, expired_bytes, trash_results,
    trash_bytes) VALUES ${rows.join(', ')} ON CONFLICT DO NOTHING;`;
}

async function fill(server) {
  const batch = await server.api('POST', '/batches', { name: 'Week 47', description: 'Nightly exports' });
  for (let i = 0; i < 26; i++) {
    const name = NAMES[i % NAMES.length];
    const job = await server.api('POST', '/jobs', { kind: 'export', batch: batch.id, reference_id: `${name}-${i}`, input: { table: name } });
    await server.api('POST', `/jobs/${job.id}/progress`, { progress: 0.35 });
    const path = `/jobs/${job.id}/results/${name}-2026-11-${String((i % 28) + 1).padStart(2, '0')}.csv?expires_in=${3600 * (i * 7 + 5)}`;
    await server.api('PUT', path, csv(400 + i * 217), { 'Content-Type': 'text/csv' });
    if (i % 5) await server.api('POST', `/jobs/${job.id}/finish`);
  }
  await server.publish('floor-plan.png', 'image/png', png(640, 420));
  await server.publish('settings.json', 'application/json', '{"retries":3,"timeout":1.50,"hosts":["a","b"]}');
  const { data } = await server.api('GET', '/results');
  for (const { id, sha256 } of data.filter((_, i) => i % 4 === 2)) await server.api('POST', `/results/${id}/ack`, { sha256 });
  await server.api('PUT', `/results/${data[3].id}/keep`);
  for (const { id } of data.slice(-4)) await server.api('DELETE', `/results/${id}`);
  return server.publish('orders-2026.csv', 'text/csv', csv(48_000), '&expires_in=2592000');
}

const server = await Server.start();
const browser = await startBrowser();
const shown = await fill(server);
for (let i = 0; i < 3; i++) await fetch(`${server.url}/api/v1/results/${shown.id}/content`, { headers: { Authorization: `Bearer ${server.key}` } }).then((answer) => answer.arrayBuffer());
await server.down();
execFileSync('sqlite3', [join(server.data, 'resultd.db'), past()]);
await server.up();
mkdirSync(folder, { recursive: true });

const WIDE = { width: 1280, height: 860 };
const OF_THE_DOCUMENTS = [
  ['overview', '#/?hours=168', 'Overview', { viewport: WIDE }],
  ['results-dark', '#/results?state=any', 'Results', { scheme: 'dark', viewport: DESKTOP }],
  ['result', `#/results/${shown.id}`, 'orders-2026.csv', { viewport: WIDE }],
  ['phone', '#/results?state=any', 'Results', { viewport: PHONE, scheme: 'light' }],
];

async function drawForDocuments() {
  for (const [name, hash, heading, options] of OF_THE_DOCUMENTS) {
    const page = await open(browser, server, options);
    await goTo(page, hash, heading);
    await page.evaluate(() => document.activeElement?.blur());
    await draw(page, join(folder, `${name}.png`));
    await page.context().close();
  }
}

await (all === 'all' ? drawAll(browser, server, folder) : drawForDocuments());
await browser.close();
await server.stop();
