/** Numbers and times for people. */

export const count = (value) => value.toLocaleString("en-GB");

export const plural = (value, singular, several = `${singular}s`) =>
  `${count(value)} ${value === 1 ? singular : several}`;

/** Per second, per minute or per hour, with two or three digits. */
export function rate(perSecond) {
  const [value, time] =
    perSecond >= 0.5
      ? [perSecond, "a second"]
      : perSecond * 60 >= 0.5
        ? [perSecond * 60, "a minute"]
        : [perSecond * 3600, "an hour"];
  const text = number(value);
  return [text, `${text === "1" ? "photo" : "photos"} ${time}`];
}

const number = (value) =>
  value.toLocaleString("en-GB", { maximumSignificantDigits: value < 100 ? 2 : 3 });

/** `40 s`, `12 min`, `3 h 20 min`, `2 days 4 h`: as exact as an estimate is. */
export function roughly(ms) {
  const minutes = ms / 60_000;
  if (minutes < 1.5) return `${Math.max(1, Math.round(ms / 1000))} s`;
  if (minutes < 100) return `${Math.round(minutes)} min`;
  const whole = Math.round(minutes);
  const hours = Math.floor(whole / 60);
  if (hours < 48) return `${hours} h ${whole % 60} min`;
  return `${Math.floor(hours / 24)} days ${hours % 24} h`;
}

export const milliseconds = (ms) =>
  ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 10_000
      ? `${count(Math.round(ms))} ms`
      : `${(ms / 1000).toFixed(1)} s`;

/** Nothing and all are exact: `<1 %` is not nothing, and `>99 %` not all. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "<1 %";
  return share > 0.99 && share < 1 ? ">99 %" : `${Math.round(100 * share)} %`;
}

export const bytes = (value) =>
  value < 1e9 ? `${Math.round(value / 1e6)} MB` : `${(value / 1e9).toFixed(1)} GB`;

/** Of fewer tasks, the first loads alone would look like thrashing. */
const leastTasks = 100;

/** `0.5 for 1,000 tasks`; empty until there are enough of them. */
export function loadRate({ tasks, loadsPer1000Tasks }) {
  return tasks >= leastTasks ? `${number(loadsPer1000Tasks)} for 1,000 tasks` : "";
}

/** A time of this browser's clock; with the date where it is another day. */
export function moment(value) {
  const date = new Date(value);
  const isToday = date.toDateString() === new Date().toDateString();
  const clock = date.toLocaleTimeString("en-GB");
  return isToday ? clock : `${date.toLocaleDateString("en-CA")} ${clock}`;
}

/** A time by a camera's clock, as it was recorded. */
export const cameraTime = (text) => text?.slice(0, 16).replace("T", " ") ?? "";

const states = {
  done: "done",
  failed: "failed",
  waiting: "waiting",
  leased: "in progress",
  excluded: "excluded",
};
export const stateName = (state) => states[state] ?? state;

export const warningNames = {
  "nearly-black": "nearly black",
  "nearly-white": "nearly white",
  "no-contrast": "no contrast",
  "network-limit": "network's limit",
};
export const warningName = (code) => warningNames[code] ?? code;
