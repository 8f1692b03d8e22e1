// SPDX-License-Identifier: Apache-2.0
// The first bytes of a result, without fetching the rest.
import { api, type Path, Problem, request } from '../api';
import type { Result } from '../types';

export interface Part {
  bytes: Uint8Array<ArrayBuffer>;
  isWhole: boolean;
}

async function readUpTo(body: ReadableStream<Uint8Array>, most: number): Promise<Part> {
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (value) {
      pieces.push(value);
      length += value.length;
    }
    if (done || length > most) {
      if (!done) await reader.cancel();
      const bytes = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
      return { bytes: bytes.slice(0, most), isWhole: done };
    }
  }
}

// What was uploaded compressed the browser unpacks, which it cannot from a part. Who is not told takes it for that.
async function isPacked(url: Path, signal: AbortSignal): Promise<boolean> {
  try {
    return (await request('HEAD', url, { signal })).headers.has('Content-Encoding');
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return true; // GET says what is wrong, in words
  }
}

export async function firstBytes(result: Result, most: number, signal: AbortSignal): Promise<Part> {
  const url = api`/results/${result.id}/content`;
  if (result.size === 0) return { bytes: new Uint8Array(0), isWhole: true };
  const asWhole = result.size <= most || (await isPacked(url, signal)); // the beginning of the whole
  const range: Record<string, string> = asWhole ? {} : { Range: `bytes=0-${most - 1}` };
  const headers = { ...range, 'Resultd-Page': '1' }; // shown here, not handed on: it counts as no download
  const response = await request('GET', url, { signal, headers });
  if (!response.body) throw new Problem(0, 'page', 'The server sent no content.');
  const part = await readUpTo(response.body, most);
  return { ...part, isWhole: part.isWhole && response.status !== 206 };
}
