const LANGUAGE = 'en';
const WHOLE = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat(LANGUAGE, { maximumSignificantDigits: 3 });

/** A count. */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** A count with its noun, such as `1 message`. */
export function counted(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

/** A rate per second; a dash if it is not known yet. */
export function rate(value: number | undefined): string {
  if (value === undefined) return '–';
  if (value !== 0 && value < 0.01) return '< 0.01';
  return value < 100 ? SHORT.format(value) : count(value);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size in bytes. */
export function bytes(value: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < UNITS.length - 1) {
    rest /= 1024;
    unit++;
  }
  return `${unit === 0 ? count(rest) : SHORT.format(rest)} ${UNITS[unit] ?? ''}`;
}

/** A duration in milliseconds, with at most two units. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1) return milliseconds === 0 ? '0 ms' : '< 1 ms';
  if (milliseconds < 1_000) return `${count(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${SHORT.format(milliseconds / 1_000)} s`;
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((milliseconds % 60_000) / 1_000)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${count(Math.floor(hours / 24))} d ${hours % 24} h`;
}

/** A time as `2026-01-31 12:00:00.000`, in the time zone of the browser; the text itself if it is not a time. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

/** The value of an input of the type `datetime-local` as an ISO 8601 time; `undefined` if it is empty or not a time. */
export function isoOfInput(value: string): string | undefined {
  const time = new Date(value);
  return value === '' || Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** The opposite of {@link isoOfInput}. */
export function inputOfIso(iso: string | undefined): string {
  if (iso === undefined) return '';
  const text = localTime(iso);
  return text === iso ? '' : text.replace(' ', 'T').slice(0, 19);
}
