// SPDX-License-Identifier: Apache-2.0
// Everything that the page can show, drawn and looked at by axe-core: each of its pages and dialogs, the sign-in, the
// pages about the APIs; light and dark, wide and narrow. A folder gets the pictures, report.json, and index.html,
// which shows them all with what axe-core found and the size of the bundle.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillPlaces, withDialogs } from './places.mjs';
import { DESKTOP, examine, goTo, open, PHONE, signIn } from './support.mjs';

const SCHEMES = ['light', 'dark'];
const SIZES = { wide: DESKTOP, narrow: PHONE };

export async function draw(page, path) {
  await page.mouse.move(0, 0);
  await page.waitForTimeout(400); // fonts and charts have settled
  await page.screenshot({ path });
}

// --- what there is ---------------------------------------------------------------------------------------------

// Each calls `look(title)` whenever something new is to be seen.
async function showSignIn(page, look) {
  await look('Sign in');
  await page.getByLabel('Key', { exact: true }).fill('rk_nobody');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  await look('Sign in: refused');
}

async function showPages(page, look, places) {
  for (const [at, heading] of places) {
    await goTo(page, at, heading);
    const view = new URLSearchParams(at.split('?')[1]).get('view');
    await look(view ? `${heading}, as ${view}` : heading);
  }
}

async function showUploads(page, look) {
  await goTo(page, '#/upload', 'Upload');
  const file = (name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) });
  await page.locator('input[type=file]').setInputFiles([file('twice.txt'), { ...file('twice.txt'), buffer: Buffer.from('x') }, file('once.txt')]);
  await page.locator('.upload.is-failed').waitFor();
  await page.locator('.upload.is-done').nth(1).waitFor();
  await look('Upload: a file failed');
  await page.getByRole('button', { name: 'Clear what has ended' }).click();
  await page.locator('.toast').first().waitFor();
  await look('A message');
}

async function showFaults(page, look, places) {
  const [at] = places.find(([place]) => /^#[/]batches[/]/.test(place));
  await page.route('**/api/v1/batches/*', (route) => route.fulfill({ json: { id: at.split('/')[2], name: 'odd' } }));
  await goTo(page, at, 'Batches');
  await page.getByRole('alert').waitFor();
  await look('A fault in one page');
  await page.unrouteAll();
  await page.route('**/*', (route) => route.abort());
  await page.evaluate(() => (location.hash = '#/jobs?tag=away'));
  await page.locator('.away').waitFor();
  await look('The server is away');
}

async function showDocs(page, look, server) {
  await page.goto(`${server.url}/-/docs`);
  await look('APIs of this server');
  for (const at of await page.locator('main a[href*="/docs/"], main a[href^="docs/"]').evaluateAll((all) => all.map(({ href }) => href))) {
    await page.goto(at);
    await look(`${await page.locator('h1').innerText()}, described`);
  }
}

async function showHelp(page, look) {
  await goTo(page, '#/', 'Overview');
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await look('Keyboard');
  await page.keyboard.press('Escape');
}

async function showNewKey(page, look) {
  await goTo(page, '#/keys', 'Keys');
  await page.getByRole('button', { name: 'New key…' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('for reports');
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('dialog', { name: /^The key/ }).waitFor();
  await look('A new key');
  await page.getByRole('button', { name: 'Done' }).click();
}

async function showAll(page, server, places, look) {
  await showSignIn(page, look);
  await signIn(page, server.key);
  await showPages(page, look, places);
  await withDialogs(page, places, look);
  await showHelp(page, look);
  await showNewKey(page, look);
  await showUploads(page, look);
  await showFaults(page, look, places);
  await page.unrouteAll();
  await showDocs(page, look, server);
}

// --- what is written -------------------------------------------------------------------------------------------

const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function rulesOf({ passes, violations, incomplete, inapplicable }) {
  const ids = (rules) => rules.map(({ id }) => id);
  return {
    passed: ids(passes),
    undecided: ids(incomplete),
    inapplicable: ids(inapplicable),
    violations: violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.map(({ html }) => html) })),
  };
}

function toHtml(looks, size) {
  const titles = [...new Set(looks.map(({ title }) => title))];
  const found = looks.reduce((sum, { violations }) => sum + violations.length, 0);
  const rules = new Set(looks.flatMap(({ passed, undecided, inapplicable, violations }) => [...passed, ...undecided, ...inapplicable, ...violations.map(({ id }) => id)]));
  const figure = ({ picture, scheme, width, passed, violations }) =>
    `<figure><a href="${picture}"><img src="${picture}" alt="" loading="lazy"></a><figcaption>${scheme}, ${width} px: ${passed.length} rules passed, ` +
    `${violations.length} broken${violations.map(({ id, help, nodes }) => `<br><b>${id}</b>: ${escape(help)}: <code>${escape(nodes[0])}</code>`).join('')}</figcaption></figure>`;
  const section = (title) => `<h2>${escape(title)}</h2><div>${looks.filter((look) => look.title === title).map(figure).join('')}</div>`;
  return `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>The page, drawn</title>
<style>:root{color-scheme:light dark;font:15px/1.5 system-ui}body{margin:2rem}div{display:flex;flex-wrap:wrap;gap:1rem;align-items:start}
figure{margin:0;max-width:24rem}img{max-width:100%;max-height:24rem;border:1px solid #8888}code{overflow-wrap:anywhere}</style>
<h1>The page, drawn</h1>
<p>${titles.length} sights in ${looks.length} pictures. axe-core ran ${rules.size} rules on each and found ${found} broken (<a href="report.json">report.json</a>).
The bundle has ${size} bytes, compressed.</p>
${titles.map(section).join('\n')}
</html>
`;
}

export async function drawAll(browser, server, folder) {
  const places = await fillPlaces(server);
  const looks = [];
  for (const scheme of SCHEMES)
    for (const [name, viewport] of Object.entries(SIZES)) {
      const page = await open(browser, server, { scheme, viewport, key: null });
      let number = 0;
      await showAll(page, server, places, async (title) => {
        const picture = `${String(++number).padStart(2, '0')}-${title.replace(/\W+/g, '-')}-${name}-${scheme}.png`;
        await draw(page, join(folder, picture));
        looks.push({ title, picture, scheme, width: viewport.width, ...rulesOf(await examine(page)) });
      });
      await page.context().close();
    }
  const [size, most] = readFileSync(join(process.env.WEB_MODULES, '..', 'size'), 'utf8').trim().split(' ').map(Number);
  writeFileSync(join(folder, 'report.json'), JSON.stringify({ size, most, looks }, null, 1));
  writeFileSync(join(folder, 'index.html'), toHtml(looks, size));
  const broken = looks.filter(({ violations }) => violations.length > 0);
  for (const { title, scheme, width, violations } of broken) console.log(`${title}, ${scheme}, ${width} px: ${violations.map(({ id }) => id).join(', ')}`);
  console.log(`${looks.length} pictures, ${broken.length} with something broken, the bundle ${size} bytes: ${join(folder, 'index.html')}`);
}
