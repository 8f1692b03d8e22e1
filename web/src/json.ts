// SPDX-License-Identifier: Apache-2.0
// JSON as it was written: numbers keep their digits, which the browser's own reader would round, and objects their
// order and repeated keys. A text that ends too early gives what there is of it: previews read the first part only.

export class Exact {
  constructor(readonly text: string) {}
}

export class Members {
  constructor(readonly list: [string, Json][]) {}
}

export type Json = null | boolean | string | Exact | Json[] | Members;

export interface Parsed {
  value: Json;
  isCut: boolean; // something is still open where the text ends
}

const DEEPEST = 400; // the reader and the tree are recursive
const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;

class Cut extends Error {}

class Reader {
  private at = 0;
  isCut = false;

  constructor(private readonly text: string) {}

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private next(): string {
    this.match(SPACE);
    const character = this.text[this.at];
    if (character === undefined) throw new Cut();
    return character;
  }

  private fail(): never {
    throw new SyntaxError(`not JSON at character ${this.at}`);
  }

  private string(): string {
    const found = this.match(STRING);
    if (found !== undefined) return JSON.parse(found) as string;
    if (this.text.indexOf('"', this.at + 1) < 0) throw new Cut();
    return this.fail();
  }

  private scalar(): Json {
    const number = this.match(NUMBER);
    if (number) return new Exact(number);
    const word = this.match(WORD);
    if (word !== undefined) return word === 'null' ? null : word === 'true';
    if (this.text.length - this.at < 5) throw new Cut();
    return this.fail();
  }

  // Members until the closing character; whatever was read when the text ends is kept.
  private sequence(close: string, member: () => void): void {
    this.at++;
    try {
      if (this.next() === close) {
        this.at++;
        return;
      }
      for (;;) {
        member();
        const separator = this.next();
        if (separator !== ',' && separator !== close) this.fail();
        this.at++;
        if (separator === close) return;
      }
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
      this.isCut = true;
      this.at = this.text.length;
    }
  }

  private array(depth: number): Json {
    const list: Json[] = [];
    this.sequence(']', () => list.push(this.value(depth)));
    return list;
  }

  private object(depth: number): Json {
    const list: [string, Json][] = [];
    this.sequence('}', () => {
      if (this.next() !== '"') this.fail();
      const key = this.string();
      if (this.next() !== ':') this.fail();
      this.at++;
      list.push([key, this.value(depth)]);
    });
    return new Members(list);
  }

  private value(depth: number): Json {
    if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST} levels`);
    const character = this.next();
    if (character === '{') return this.object(depth + 1);
    if (character === '[') return this.array(depth + 1);
    if (character === '"') return this.string();
    return this.scalar();
  }

  whole(): Json {
    const value = this.value(0);
    this.match(SPACE);
    if (this.at < this.text.length) this.fail();
    return value;
  }
}

// SyntaxError: it is none, or too deep.
export function parseJson(text: string): Parsed {
  const reader = new Reader(text.replace(/^\ufeff/, ''));
  try {
    const value = reader.whole();
    return { value, isCut: reader.isCut };
  } catch (error) {
    if (error instanceof Cut) throw new SyntaxError('the text ends before its first value');
    throw error;
  }
}

export function plainText(value: Json): string {
  if (value === null) return 'null';
  if (value instanceof Exact) return value.text;
  if (value instanceof Members) return `{${value.list.map(([key, member]) => `${JSON.stringify(key)}:${plainText(member)}`).join(',')}}`;
  if (Array.isArray(value)) return `[${value.map(plainText).join(',')}]`;
  return typeof value === 'string' ? value : String(value);
}
