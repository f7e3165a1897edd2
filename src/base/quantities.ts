/** `1,234,567` */
export function formatCount(value: number): string {
  return value.toLocaleString("en-GB");
}

/** Whole numbers with separators, others to three digits. */
export function formatValue(value: number): string {
  if (Number.isInteger(value)) return formatCount(value);
  return value.toLocaleString("en-GB", { maximumSignificantDigits: 3 });
}

/** `21 ms`, `1.8 s`, `12 s`, `3:05 min`, `2:03:00 h` */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours === 0) return `${minutes}:${two(whole % 60)} min`;
  return `${hours}:${two(minutes)}:${two(whole % 60)} h`;
}

/** Per second, or per minute below one in two seconds. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 100) return `${formatCount(Math.round(perSecond))}/s`;
  if (perSecond >= 0.5) return `${perSecond.toFixed(1)}/s`;
  return `${(60 * perSecond).toFixed(1)}/min`;
}

/** `1 photo`, `2 photos` */
export function formatPlural(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** An estimated time: in whole seconds, at least one. */
export function formatEta(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  return seconds < 60 ? `${seconds} s` : formatDuration(1000 * seconds);
}

/**
 * A part as a percentage that is 0 or 100 only when it is none or all: `13 %`, `<0.1 %`, `99.9 %`
 */
export function formatShare(part: number, whole: number): string {
  const value = (100 * part) / whole;
  if (value > 0 && value < 0.1) return "<0.1 %";
  const shown = Math.min(value, part < whole ? 99.9 : 100);
  return `${formatValue(Number(shown.toPrecision(shown < 10 ? 2 : 3)))} %`;
}

/** `0 B`, `731 kB`, `40.6 MB`, `4.3 GB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  const digits = unit >= 2 && value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
