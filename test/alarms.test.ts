/** The rules for Prometheus and the dashboard for Grafana, held against promtool and the metrics. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { exportedMetrics, firstMetrics } from "./exported-metrics.fixture.ts";
import { ensureUnpacked } from "./servers/debian-packages.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const rulesFile = "deploy/prometheus/orangery-rules.yaml";

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

const { groups } = parse(read(rulesFile)) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read("deploy/grafana/orangery.json")) as {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: unknown }[];
  };
};
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Series as they are exported, with the labels that they have: those of Prometheus, too. */
const series = new Map(
  exportedMetrics().flatMap(({ name, type, labelNames }) => {
    const labels = new Set([...labelNames, "job", "instance"]);
    if (type !== "histogram") return [[name, labels] as const];
    return [
      [`${name}_bucket`, new Set([...labels, "le"])] as const,
      [`${name}_sum`, labels] as const,
      [`${name}_count`, labels] as const,
    ];
  }),
);

/** Fails for a selector of a series, or of a label of it, that no worker exports. */
function assertExported(expr: string): void {
  const selectors = [...expr.matchAll(/\b(orangery_\w+)(?:\{([^}]*)\})?/g)];
  for (const [, name, matchers = ""] of selectors) {
    const labels = series.get(name!);
    assert.ok(labels, `${name} is exported by no worker: ${expr}`);
    for (const [, label] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)"/g)) {
      assert.ok(labels.has(label!), `${name} has no label ${label}: ${expr}`);
    }
  }
  const known = new Set(selectors.flatMap(([, name]) => [...(series.get(name!) ?? [])]));
  for (const [, list] of expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)) {
    for (const label of list!.split(",")) {
      assert.ok(known.has(label.trim()), `no series has a label ${label}: ${expr}`);
    }
  }
}

let folder: string;
let promtool: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-promtool-"));
  promtool = ensureUnpacked({ command: "promtool", packageName: "prometheus" }, folder);
});
after(() => rm(folder, { recursive: true, force: true }));

function runPromtool(args: readonly string[], input = ""): void {
  const { status, stdout, stderr } = spawnSync(promtool, args, {
    cwd: root,
    encoding: "utf8",
    input,
  });
  assert.equal(status, 0, stdout + stderr);
}

describe("the metrics", () => {
  test("are as Prometheus wants them, and there before the first worker", async () => {
    const text = await firstMetrics();
    runPromtool(["check", "metrics"], text);
    // Series without which an alarm could not be raised by the first that goes wrong.
    for (const first of [
      'orangery_tasks_total{outcome="failed"} 0',
      'orangery_task_errors_total{code="NO_SPACE",blames="machine"} 0',
      "orangery_memory_over_budget_total 0",
      'orangery_worker_failures_total{worker="gpu0@host"} 0',
      'orangery_worker_recycles_total{reason="memory growth"} 0',
      'orangery_worker_slots{state="given up"} 0',
      'orangery_worker_on_cpu{worker="gpu0@host"} 0',
      'orangery_queue_ended_total{queue="photos",recipe="plants",outcome="failed"} 0',
    ]) {
      assert.ok(text.split("\n").includes(first), `${first} is missing:\n${text}`);
    }
  });
});

describe("the alarms", () => {
  test("are rules that Prometheus takes", () => runPromtool(["check", "rules", rulesFile]));

  test("fire when they should and are silent when they should be", () => {
    runPromtool(["test", "rules", "deploy/prometheus/orangery-rules.test.yaml"]);
  });

  test("each fire in one of the tests", () => {
    const tests = read("deploy/prometheus/orangery-rules.test.yaml");
    for (const { alert } of rules)
      assert.match(tests, new RegExp(`\\balert(name)?[=:] ?"?${alert}\\b`));
  });

  test("look at series and labels that workers export", () => {
    for (const { expr } of rules) assertExported(expr.replace(/\bup\{[^}]*\}/, ""));
  });

  test("have a severity, a summary, what to do, and a section of the documents", () => {
    const headings = [...read("docs/alarms.md").matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual(
      headings,
      rules.map(({ alert }) => alert),
    );
    for (const { alert, labels, annotations } of rules) {
      assert.match(labels.severity!, /^(critical|warning)$/, alert);
      assert.deepEqual(Object.keys(annotations), ["summary", "description", "runbook"], alert);
      assert.equal(annotations.runbook, `docs/alarms.md#${alert.toLowerCase()}`);
    }
  });
});

describe("the dashboard", () => {
  test("asks for series and labels that workers export, with queries that Prometheus takes", () => {
    for (const query of queries) assertExported(query);
    const file = join(folder, "queries.json");
    // As rules, since promtool takes no queries without a server.
    const asRules = queries.map((query, i) => ({
      record: `query${i}`,
      expr: query.replace(/\$__(rate_)?interval/g, "1m").replace(/\$(queue|instance)/g, ".*"),
    }));
    assert.doesNotMatch(JSON.stringify(asRules), /\$/, "a variable that the dashboard lacks");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules: asRules }] }));
    runPromtool(["check", "rules", file]);
  });

  test("fills its variables from series that are exported", () => {
    for (const { name, query } of dashboard.templating.list) {
      if (name === "datasource") continue;
      const text = (query as { query: string }).query;
      const [, of, label] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
      assert.equal(label, name);
      assert.ok(series.get(of!)?.has(label!), text);
    }
  });

  test("shows every metric that has a number to look at", () => {
    // What is left out is in another panel's figure.
    const elsewhere = new Set([
      "orangery_device_fallbacks_total",
      "orangery_model_hits_total",
      "orangery_model_loads_per_1000_tasks",
      "orangery_queue_paused",
    ]);
    const asked = queries.join("\n");
    const missing = exportedMetrics()
      .map(({ name }) => name)
      .filter(
        (name) =>
          !elsewhere.has(name) && !new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(asked),
      );
    assert.deepEqual(missing, []);
  });

  test("has panels with a title, a description and a unit, side by side without overlap", () => {
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    const taken = new Set<string>();
    for (const {
      title,
      gridPos: { x, y, w, h },
    } of dashboard.panels) {
      assert.ok(x + w <= 24, title);
      for (let row = y; row < y + h; row++) {
        for (let column = x; column < x + w; column++) {
          assert.ok(!taken.has(`${row}/${column}`), `${title} lies over another panel`);
          taken.add(`${row}/${column}`);
        }
      }
    }
    for (const { title, description, type, fieldConfig } of panels) {
      assert.ok(title !== "" && description, title);
      if (type === "stat" || type === "timeseries") assert.ok(fieldConfig?.defaults.unit, title);
    }
  });
});
