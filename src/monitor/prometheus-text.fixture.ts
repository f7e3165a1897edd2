import assert from "node:assert/strict";

/** A metric family as Prometheus reads it. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: MetricSample[];
}

export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const nameForm = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const labelForm = `([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\\\\n]|\\\\["\\\\n])*)"`;
const valueForm = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;

/**
 * Reads Prometheus' text format, version 0.0.4, and insists on its rules: each family has one HELP
 * and one TYPE, and then its samples, all together; no sample twice; a counter is called `_total`
 * and never below 0; a histogram's buckets rise, end with `+Inf`, and agree with its count.
 */
export function parsePrometheusText(text: string): Map<string, MetricFamily> {
  assert.ok(text.endsWith("\n"), "the last line ends, too");
  const families = new Map<string, MetricFamily>();
  let family: MetricFamily | undefined;
  let help: { name: string; text: string } | undefined;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const comment = new RegExp(`^# (HELP|TYPE) (${nameForm}) (.*)$`).exec(line);
    if (comment !== null) {
      const [, keyword, name, rest] = comment as unknown as [string, string, string, string];
      if (keyword === "HELP") {
        help = { name, text: rest };
        continue;
      }
      assert.equal(help?.name, name, `${name} has its HELP before its TYPE`);
      assert.ok(!families.has(name), `${name} is there once`);
      assert.match(rest, /^(?:counter|gauge|histogram|summary|untyped)$/);
      family = { name, help: help!.text, type: rest, samples: [] };
      families.set(name, family);
      continue;
    }
    assert.ok(!line.startsWith("#"), `a comment that is neither HELP nor TYPE: ${line}`);
    const sample = parseSample(line);
    assert.ok(family !== undefined && belongs(sample.name, family), `out of place: ${line}`);
    family.samples.push(sample);
  }
  for (const each of families.values()) check(each);
  return families;
}

/** The value of one sample; undefined where there is none. */
export function sampleValue(
  families: ReadonlyMap<string, MetricFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = key({ name, labels });
  for (const { samples } of families.values()) {
    const found = samples.find((sample) => key(sample) === wanted);
    if (found !== undefined) return found.value;
  }
  return undefined;
}

function parseSample(line: string): MetricSample {
  const match = new RegExp(`^(${nameForm})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
  assert.ok(match, `not a sample: ${line}`);
  const [, name, labelText = "", valueText] = match;
  const labels: Record<string, string> = {};
  let rest = labelText;
  while (rest !== "") {
    const label = new RegExp(`^${labelForm}(?:,|$)`).exec(rest);
    assert.ok(label, `not labels: ${labelText}`);
    assert.ok(!(label[1]! in labels), `a label is there twice: ${line}`);
    labels[label[1]!] = label[2]!.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    rest = rest.slice(label[0].length);
  }
  assert.match(valueText!, valueForm, line);
  return { name: name!, labels, value: toNumber(valueText!) };
}

function toNumber(text: string): number {
  return Number(text.replace("Inf", "Infinity"));
}

function belongs(sample: string, { name, type }: MetricFamily): boolean {
  if (type !== "histogram") return sample === name;
  return [`${name}_bucket`, `${name}_sum`, `${name}_count`].includes(sample);
}

function key({ name, labels }: Pick<MetricSample, "name" | "labels">): string {
  return JSON.stringify([name, Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1))]);
}

function check({ name, type, samples }: MetricFamily): void {
  const keys = samples.map(key);
  assert.equal(new Set(keys).size, keys.length, `${name} has a sample twice`);
  if (type === "counter") {
    assert.match(name, /_total$/);
    assert.ok(samples.every(({ value }) => value >= 0));
  }
  if (type === "histogram") checkHistogram(name, samples);
}

function checkHistogram(name: string, samples: readonly MetricSample[]): void {
  const series = Map.groupBy(samples, ({ labels: { le: _le, ...labels } }) =>
    key({ name, labels }),
  );
  for (const parts of series.values()) {
    const buckets = parts.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => toNumber(labels.le!));
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name}: its buckets are in order`,
    );
    assert.equal(bounds.at(-1), Infinity);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name}: its buckets add up`,
    );
    const count = parts.find((sample) => sample.name === `${name}_count`);
    assert.equal(count?.value, counts.at(-1));
    assert.ok(parts.some((sample) => sample.name === `${name}_sum`));
  }
}
