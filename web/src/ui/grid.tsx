// SPDX-License-Identifier: Apache-2.0
// A table of any number of rows of one height, of which only those in sight are in the document. Browsers bound an
// element's height, so of very many rows the bar moves more than one row for each of its pixels; the wheel and the
// keys still go by rows. One cell (or row) is active; the keys move it, as ARIA's grids are moved.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface Column<T> {
  key: string;
  title: ComponentChildren;
  name?: string; // where the title is no text: what it is called
  width: string; // a track of CSS's grids
  cell: (row: T, index: number) => ComponentChildren;
  number?: boolean;
}

interface GridProps<T> {
  label: string;
  columns: Column<T>[];
  count: number; // rows that can be scrolled to
  total?: number; // rows there are in all, where known
  row: (index: number) => T | undefined; // undefined: not here yet
  rowHeight: number;
  byCell?: boolean; // the keys move from cell to cell, not from row to row
  cards?: boolean; // rows are drawn as cards: the header is there for screen readers only
  open?: (row: T) => void;
  seen?: (first: number, end: number) => void;
}

const TALLEST = 8_000_000; // pixels, below what any browser bounds
const BEYOND = 6; // rows drawn above and below those in sight

interface Window {
  top: number; // of the scroller
  height: number;
}

export function Grid<T>(props: GridProps<T>): JSX.Element {
  const { label, columns, count, rowHeight, byCell, cards } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const id = useId();
  const header = cards ? 0 : rowHeight;
  const full = count * rowHeight;
  const scale = Math.max(1, full / TALLEST);
  const [view, setView] = useState<Window>({ top: 0, height: 600 });
  const [active, setActive] = useState({ row: 0, column: 0 });
  const [focused, setFocused] = useState(false);
  // Where exactly the rows stand, in pixels of all of them: of a scaled grid the scroller's own place is too coarse.
  const exact = useRef({ at: 0, scrolled: 0 });

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const watch = new ResizeObserver(() => setView({ top: box.scrollTop, height: box.clientHeight }));
    watch.observe(box);
    return () => watch.disconnect();
  }, []);

  const most = Math.max(0, full - (view.height - header));
  const moveTo = (at: number) => {
    const box = scroller.current;
    if (!box) return;
    const bounded = Math.min(most, Math.max(0, at));
    box.scrollTop = scale > 1 ? (bounded / most) * (box.scrollHeight - box.clientHeight) : bounded;
    exact.current = { at: bounded, scrolled: box.scrollTop };
    setView({ top: box.scrollTop, height: box.clientHeight });
  };
  const scrolled = () => {
    const box = scroller.current;
    if (!box) return;
    if (Math.abs(box.scrollTop - exact.current.scrolled) >= 1) {
      const share = box.scrollTop / Math.max(1, box.scrollHeight - box.clientHeight);
      exact.current = { at: scale > 1 ? share * most : box.scrollTop, scrolled: box.scrollTop };
    }
    setView({ top: box.scrollTop, height: box.clientHeight });
  };

  useEffect(() => {
    const box = scroller.current;
    if (!box || scale === 1) return undefined;
    const wheel = (event: WheelEvent) => {
      if (event.ctrlKey || event.shiftKey || event.deltaY === 0) return;
      event.preventDefault();
      moveTo(exact.current.at + event.deltaY * (event.deltaMode === 1 ? rowHeight : 1));
    };
    box.addEventListener('wheel', wheel, { passive: false });
    return () => box.removeEventListener('wheel', wheel);
  });

  const at = Math.min(exact.current.at, most);
  const inSight = Math.ceil(view.height / rowHeight);
  const first = Math.max(0, Math.floor(at / rowHeight) - BEYOND);
  const end = Math.min(count, Math.floor(at / rowHeight) + inSight + BEYOND);
  useEffect(() => props.seen?.(first, end), [first, end, count]);

  const activate = (row: number, column: number) => {
    const next = {
      row: Math.min(count - 1, Math.max(0, row)),
      column: Math.min(columns.length - 1, Math.max(0, column)),
    };
    setActive(next);
    const top = next.row * rowHeight;
    const room = view.height - header;
    if (top < at) moveTo(top);
    else if (top + rowHeight > at + room) moveTo(top + rowHeight - room);
    if (byCell) document.getElementById(`${id}-head-${next.column}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  };
  const keys = (event: KeyboardEvent) => {
    if (event.altKey || event.metaKey || event.target !== scroller.current) return;
    const { row, column } = active;
    const page = Math.max(1, Math.floor((view.height - header) / rowHeight) - 1);
    const moves: Record<string, () => void> = {
      ArrowDown: () => activate(row + 1, column),
      ArrowUp: () => activate(row - 1, column),
      PageDown: () => activate(row + page, column),
      PageUp: () => activate(row - page, column),
      Home: () => (byCell && !event.ctrlKey ? activate(row, 0) : activate(0, column)),
      End: () => (byCell && !event.ctrlKey ? activate(row, columns.length - 1) : activate(count - 1, column)),
    };
    if (byCell) {
      moves['ArrowRight'] = () => activate(row, column + 1);
      moves['ArrowLeft'] = () => activate(row, column - 1);
    }
    const opened = props.row(row);
    if (props.open && opened !== undefined) moves['Enter'] = () => props.open?.(opened);
    const move = moves[event.key];
    if (!move || count === 0) return;
    event.preventDefault();
    move();
  };

  const cellId = (row: number, column: number) => (byCell ? `${id}-${row}-${column}` : `${id}-${row}`);
  const tracks = columns.map((column) => column.width).join(' ');
  const indices = Array.from({ length: Math.max(0, end - first) }, (_, i) => first + i);
  const isDrawn = active.row >= first && active.row < end;
  return (
    <div
      ref={scroller}
      class={`grid${cards ? ' cards' : ''}${byCell ? ' by-cell' : ''}`}
      role="grid"
      aria-label={label}
      aria-rowcount={props.total === undefined ? -1 : props.total + 1}
      aria-colcount={columns.length}
      aria-activedescendant={focused && isDrawn ? cellId(active.row, active.column) : undefined}
      tabIndex={0}
      style={{ maxHeight: `${full + header + 2}px` }}
      onScroll={scrolled}
      onKeyDown={keys}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      <div class="grid-head" role="rowgroup">
        <div class="grid-row" role="row" aria-rowindex={1} style={{ gridTemplateColumns: tracks, height: `${rowHeight}px` }}>
          {columns.map((column, i) => (
            <div
              key={column.key}
              id={`${id}-head-${i}`}
              role="columnheader"
              aria-colindex={i + 1}
              aria-label={column.name}
              class={`cell c-${column.key}${column.number ? ' number' : ''}`}
            >
              {column.title}
            </div>
          ))}
        </div>
      </div>
      <div class="grid-body" role="rowgroup" style={{ height: `${Math.min(full, TALLEST)}px` }}>
        {indices.map((index) => {
          const row = props.row(index);
          const isActive = focused && index === active.row;
          return (
            <div
              key={index}
              id={byCell ? undefined : cellId(index, 0)}
              class={`grid-row${isActive && !byCell ? ' active' : ''}`}
              role="row"
              aria-rowindex={index + 2}
              style={{
                gridTemplateColumns: tracks,
                height: `${rowHeight}px`,
                transform: `translateY(${index * rowHeight - at + view.top}px)`,
              }}
              onClick={() => setActive({ row: index, column: 0 })}
            >
              {columns.map((column, i) => (
                <div
                  key={column.key}
                  id={byCell ? cellId(index, i) : undefined}
                  role="gridcell"
                  aria-colindex={i + 1}
                  class={`cell c-${column.key}${column.number ? ' number' : ''}${
                    byCell && isActive && i === active.column ? ' active' : ''
                  }`}
                >
                  {row === undefined ? <span class="muted">…</span> : column.cell(row, index)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
