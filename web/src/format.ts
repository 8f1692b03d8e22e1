// SPDX-License-Identifier: Apache-2.0
// Numbers, sizes and times as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const grouped = new Intl.NumberFormat('en');
const dateTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export function count(n: number): string {
  return grouped.format(n);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function bytes(n: number): string {
  let unit = 0;
  let value = n;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

export function exactBytes(n: number): string {
  return plural(n, 'byte');
}

const MONTH = 30 * 86400;
const STEPS: [number, string][] = [
  [365 * 86400, 'year'],
  [MONTH, 'month'], // from two of them on: "30 days" is said so
  [86400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];

// "3 hours", of the largest unit that fits.
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [size, name] = STEPS.find(([step]) => whole >= (step === MONTH ? 2 * step : step)) ?? [1, 'second'];
  return plural(Math.round(whole / size), name);
}

const SHORT: Record<string, string> = { second: 's', minute: 'min', hour: 'h' };

// "3 h ago", "in 7 days": short, for lists.
export function relative(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  const words = duration(Math.abs(seconds)).replace(/(second|minute|hour)s?$/, (unit) => SHORT[unit.replace(/s$/, '')] ?? unit);
  return seconds < 0 ? `${words} ago` : `in ${words}`;
}

export function exactTime(time: string): string {
  return dateTime.format(new Date(time));
}

const pad = (n: number): string => String(n).padStart(2, '0');

// For charts: "14:00" within a day, "23 Nov" beyond, in the zone of the reader or in the one given.
export function tick(seconds: number, days: boolean, timeZone?: 'UTC'): string {
  const at = new Date(seconds * 1000);
  if (!days) return `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  return at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...(timeZone && { timeZone }) });
}

const utcDay = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });

// Of a step of a chart: days are those of the server, which counts them in UTC.
export function stepTime(seconds: number, daily: boolean): string {
  const at = new Date(seconds * 1000);
  return daily ? `${utcDay.format(at)}, UTC` : dateTime.format(at);
}
