// SPDX-License-Identifier: Apache-2.0
// A chart of a few series over time, drawn by uPlot, and the same figures as a table: a canvas says nothing to who
// does not see it.
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { stepTime, tick } from './format';
import { useMedia } from './hooks';
import { useStore } from './store';
import { theme } from './theme';

export interface Series {
  name: string;
  color: string; // a variable of the style sheet
  values: number[];
}

interface ChartProps {
  title: string;
  times: number[]; // seconds
  series: Series[];
  show: (value: number) => string;
  daily: boolean; // its steps are days, of UTC
  filled?: boolean; // down to the axis
  base2?: boolean; // sizes: ticks at powers of two
}

const HEIGHT = 190;
const DAY = 86400;
const AXIS_FONT = '11px system-ui, sans-serif';
const BINARY_STEPS = Array.from({ length: 60 }, (_, i) => 2 ** i);
const DECIMAL_STEPS = Array.from({ length: 15 }, (_, i) => [10 ** i, 2 * 10 ** i, 5 * 10 ** i]).flat();

type Paint = (name: string) => string;

// Of a variable of the style sheet what it is now, light or dark: a canvas knows no variables.
function painter(element: HTMLElement): Paint {
  return (name) => {
    element.style.color = `var(${name})`;
    const { color } = getComputedStyle(element);
    element.style.color = '';
    return color;
  };
}

const thin = (color: string): string => color.replace(/^rgb\((.*)\)$/, 'rgb($1, 0.14)');

function axis(paint: Paint): uPlot.Axis {
  return {
    stroke: paint('--muted'),
    font: AXIS_FONT,
    grid: { stroke: paint('--line'), width: 1 },
    ticks: { show: false },
  };
}

const widthOf = (values: string[] | null): number => Math.max(0, ...(values ?? []).map((text) => text.length)) * 6.5 + 12;

function toOptions(props: ChartProps, paint: Paint, width: number, point: (at: number | null) => void): uPlot.Options {
  const { times, series, show, daily, filled, base2 } = props;
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    ...(daily && { tzDate: (at: number) => uPlot.tzDate(new Date(at * 1000), 'UTC') }),
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.1, 1)] } },
    axes: [
      { ...axis(paint), size: 28, space: 60, values: (_u, ticks) => ticks.map((at) => tick(at, span > 2 * DAY, daily ? 'UTC' : undefined)) },
      {
        ...axis(paint),
        size: (_u, values) => widthOf(values),
        values: (_u, ticks) => ticks.map(show),
        incrs: base2 ? BINARY_STEPS : DECIMAL_STEPS,
      },
    ],
    series: [
      {},
      ...series.map(({ name, color }) => ({
        label: name,
        stroke: paint(color),
        width: 2,
        points: { show: times.length < 3 },
        ...(filled ? { fill: thin(paint(color)) } : {}),
      })),
    ],
    hooks: { setCursor: [(u) => point(u.cursor.idx ?? null)] },
  };
}

export function Chart(props: ChartProps): JSX.Element {
  const { title, times, series, show, daily } = props;
  const box = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | null>(null);
  const chosen = useStore(theme);
  const dark = useMedia('(prefers-color-scheme: dark)');
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const data: uPlot.AlignedData = [times, ...series.map(({ values }) => values)];
    const plot = new uPlot(toOptions(props, painter(element), element.clientWidth, setAt), data, element);
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [times, series, chosen, dark]);
  const last = at ?? times.length - 1;
  const when = times[last];
  return (
    <section class="panel chart" aria-label={title}>
      <div class="panel-head">
        <h2>{title}</h2>
        <span class="muted">{at !== null && when !== undefined ? stepTime(when, daily) : ''}</span>
      </div>
      <ul class="legend">
        {series.map(({ name, color, values }) => (
          <li key={name}>
            <span class="swatch" style={{ background: `var(${color})` }} aria-hidden="true" />
            {name} <strong>{show(values[last] ?? 0)}</strong>
          </li>
        ))}
      </ul>
      <div ref={box} class="plot" aria-hidden="true" />
      <Table {...props} />
    </section>
  );
}

function Table({ title, times, series, show, daily }: ChartProps): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <details class="as-table" onToggle={(event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
      <summary>As a table</summary>
      {open && (
        <div class="table-box" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map(({ name }) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times
                .map((time, i) => (
                  <tr key={time}>
                    <th scope="row">{stepTime(time, daily)}</th>
                    {series.map(({ name, values }) => (
                      <td key={name}>{show(values[i] ?? 0)}</td>
                    ))}
                  </tr>
                ))
                .reverse()}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
