// SPDX-License-Identifier: Apache-2.0
// Bundles the page into the folder named: index.html, and beside it one script, one style sheet and one icon, named
// by what is in them. tools/page.py calls it where the packages are.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

export const options = {
  entryPoints: { app: 'src/main.tsx' },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  legalComments: 'none',
  loader: { '.svg': 'dataurl' },
  write: false,
  outdir: 'dist',
};

// What the page is made of, as [{name, bytes}].
export async function bundle(more = {}) {
  const { outputFiles } = await build({ ...options, ...more });
  const files = outputFiles.map((file) => ({ kind: file.path.endsWith('.css') ? 'css' : 'js', bytes: file.contents }));
  files.push({ kind: 'svg', bytes: await readFile('src/icon.svg') });
  let html = await readFile('src/index.html', 'utf8');
  const named = files.map(({ kind, bytes }) => {
    const name = `app-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}.${kind}`;
    html = html.replace(`app.${kind}`, name);
    return { name, bytes };
  });
  return [{ name: 'index.html', bytes: Buffer.from(html) }, ...named];
}

const [, , folder] = process.argv;
if (folder) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const { name, bytes } of await bundle()) await writeFile(`${folder}/${name}`, bytes);
}
