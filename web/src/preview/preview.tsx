// SPDX-License-Identifier: Apache-2.0
// What can be shown of a result, by what it is. Nothing of it is ever run: texts are texts, pictures are those kinds
// that hold no code.
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { bytes } from '../format';
import { useLoad } from '../hooks';
import { parseJson, type Parsed } from '../json';
import { setQuery, usePlace } from '../router';
import type { Result } from '../types';
import { Empty, Failure, Loading, Segments } from '../ui/basic';
import { firstBytes, type Part } from './part';
import { RowsPreview } from './rows';
import { Tree } from './tree';

const MOST_TEXT = 64 * 1024;
const MOST_JSON = 2 * 1024 * 1024;
const MOST_IMAGE = 20 * 1024 * 1024;
const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;
const TEXTS = /^text\/|^application\/(xml|javascript|x-ndjson|ndjson|jsonl|yaml|toml|sql|x-sh)|[+](xml|json|yaml)$/;
const TEXT_NAMES = /\.(txt|md|log|csv|tsv|json|ndjson|jsonl|xml|html?|svg|ya?ml|toml|ini|conf|sql|py|c|h|js|ts|sh)$/i;

type View = 'table' | 'tree' | 'text' | 'image';
const TITLES: Record<View, string> = { table: 'Table', tree: 'JSON tree', text: 'Text', image: 'Picture' };

function viewsOf(result: Result): View[] {
  const type = (result.media_type.split(';')[0] ?? '').trim().toLowerCase();
  const isJson = /[/+]json$/.test(type) || /\.json$/i.test(result.name);
  const views: View[] = [];
  if (IMAGES.test(type)) views.push('image');
  if (result.formats.length > 0 && result.columns !== 0) views.push('table');
  if (isJson) views.push('tree');
  if (isJson || TEXTS.test(type) || TEXT_NAMES.test(result.name)) views.push('text');
  return views;
}

function cutNote(part: Part, result: Result): JSX.Element | null {
  if (part.isWhole) return null;
  return (
    <p class="note">
      This is the first {bytes(part.bytes.length)} of {bytes(result.size)}; download it to see the rest.
    </p>
  );
}

// By the charset that the media type names, if browsers know it.
function decode(text: Uint8Array, type: string): string {
  const charset = /;\s*charset="?([^\s";]+)/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(text);
  } catch {
    return new TextDecoder().decode(text);
  }
}

function TextPreview({ result }: { result: Result }): JSX.Element {
  const { value, problem, reload } = useLoad(result.id, (signal) => firstBytes(result, MOST_TEXT, signal));
  if (problem) return <Failure problem={problem} retry={reload} />;
  if (!value) return <Loading />;
  const text = decode(value.bytes, result.media_type);
  return (
    <>
      {cutNote(value, result)}
      <pre class="text" tabIndex={0} role="region" aria-label={`Text of ${result.name}`}>
        {text}
      </pre>
    </>
  );
}

function parseOrSay(part: Part): Parsed | string {
  try {
    return parseJson(new TextDecoder().decode(part.bytes));
  } catch (error) {
    return error instanceof SyntaxError ? error.message : String(error);
  }
}

function TreePreview({ result }: { result: Result }): JSX.Element {
  const { value, problem, reload } = useLoad(result.id, async (signal) => {
    const part = await firstBytes(result, MOST_JSON, signal);
    return { part, parsed: parseOrSay(part) };
  });
  if (problem) return <Failure problem={problem} retry={reload} />;
  if (!value) return <Loading />;
  if (typeof value.parsed === 'string') return <Empty>This is no JSON document: {value.parsed}.</Empty>;
  return (
    <>
      {cutNote(value.part, result)}
      {value.part.isWhole && value.parsed.isCut && <p class="note bad">This document breaks off: what is shown is all there is of it.</p>}
      <Tree value={value.parsed.value} />
    </>
  );
}

function ImagePreview({ result }: { result: Result }): JSX.Element {
  const [url, setUrl] = useState('');
  const [broken, setBroken] = useState(false);
  const isSmall = result.size <= MOST_IMAGE;
  const { value, problem, reload } = useLoad(result.id, (signal) => firstBytes(result, isSmall ? MOST_IMAGE : 1, signal));
  useEffect(() => {
    if (!value) return undefined;
    const made = URL.createObjectURL(new Blob([value.bytes], { type: result.media_type }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [value]);
  if (!isSmall) return <Empty>Pictures above {bytes(MOST_IMAGE)} are not shown here.</Empty>;
  if (problem) return <Failure problem={problem} retry={reload} />;
  if (broken) return <Empty>The bytes are no picture of the kind {result.media_type}.</Empty>;
  return url ? <img class="picture" src={url} alt={`The picture ${result.name}`} onError={() => setBroken(true)} /> : <Loading />;
}

const PARTS: Record<View, (props: { result: Result }) => JSX.Element> = {
  table: RowsPreview,
  tree: TreePreview,
  text: TextPreview,
  image: ImagePreview,
};

export function Preview({ result }: { result: Result }): JSX.Element {
  const views = viewsOf(result);
  const wanted = usePlace().query.get('view');
  const view = views.find((one) => one === wanted) ?? views[0];
  const isGone = result.deleted_at || result.state === 'expired';
  const Part = view && PARTS[view];
  return (
    <section class="preview panel" aria-labelledby="preview-title">
      <div class="panel-head">
        <h2 id="preview-title">Preview</h2>
        {!isGone && views.length > 1 && (
          <Segments
            label="Show as"
            choices={Object.fromEntries(views.map((one) => [one, TITLES[one]]))}
            chosen={view ?? ''}
            choose={(one) => setQuery({ view: one })}
          />
        )}
      </div>
      {isGone ? (
        <Empty>{result.deleted_at ? 'The content of a deleted result cannot be read; restore it first.' : 'The content has expired.'}</Empty>
      ) : result.size === 0 ? (
        <Empty>It is empty.</Empty>
      ) : Part ? (
        <Part key={`${result.id} ${view}`} result={result} />
      ) : (
        <Empty>There is no preview of {result.media_type}.</Empty>
      )}
    </section>
  );
}
