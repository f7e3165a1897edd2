import { toHundredths, toScore } from "../../../ledger/results/stored-objects.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { outlineMask } from "../../../vision/masks/pixel-outline.ts";
import type { SpooledText } from "./coco.ts";

/**
 * Writes results as "CVAT for images 1.1": a box for each object, or the polygons of its mask, and
 * the polygons of regions. Scores and the numbers of regions are attributes.
 *
 * @param images Keeps the images until all labels are known, which come first.
 */
export async function* toCvat(
  results: AsyncIterable<StoredResult>,
  images: SpooledText,
  counts: CountsKind = "predicted",
): AsyncGenerator<string> {
  const labels = new Set<string>();
  let id = 0;
  for await (const result of results) {
    for (const name of result.objects.names) labels.add(name);
    for (const { name } of result.regions ?? []) labels.add(name);
    await images.write(imageElement(result, id++));
  }
  yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n';
  yield `  <!-- ${counts} -->\n`;
  yield `  <meta>\n    <task>\n      <size>${id}</size>\n      <labels>\n`;
  for (const name of labels) yield labelElement(name);
  yield "      </labels>\n    </task>\n  </meta>\n";
  yield* images.read();
  yield "</annotations>\n";
}

/** A label with the attributes that its shapes have. */
function labelElement(name: string): string {
  const attribute = (attributeName: string, type: string) =>
    `          <attribute><name>${attributeName}</name><mutable>False</mutable>` +
    `<input_type>${type}</input_type><default_value></default_value><values></values>` +
    "</attribute>\n";
  return (
    `        <label>\n          <name>${escapeXml(name)}</name>\n          <attributes>\n` +
    `${attribute("score", "text")}${attribute("region", "text")}` +
    "          </attributes>\n        </label>\n"
  );
}

function imageElement(
  { source, widthPx, heightPx, objects, objectRegions, regions = [] }: StoredResult,
  id: number,
): string {
  const shapes: string[] = [];
  for (const [index, { name, score, boxXyxy, mask }] of [...objects].entries()) {
    const attributes = { score: toScore(score), region: objectRegions?.[index] };
    if (mask === undefined) shapes.push(boxElement(name, boxXyxy, attributes));
    else shapes.push(...polygonElements(name, mask, attributes));
  }
  for (const { number, name, score, mask } of regions) {
    shapes.push(...polygonElements(name, mask, { score: toScore(score), region: number }));
  }
  return (
    `  <image id="${id}" name="${escapeXml(source)}" width="${widthPx}" height="${heightPx}">\n` +
    `${shapes.join("")}  </image>\n`
  );
}

interface ShapeAttributes {
  readonly score: number;
  readonly region: number | undefined;
}

function boxElement(name: string, boxXyxy: readonly number[], attributes: ShapeAttributes): string {
  const [xtl, ytl, xbr, ybr] = boxXyxy.map(toHundredths);
  return shapeElement("box", {
    name,
    place: `xtl="${xtl}" ytl="${ytl}" xbr="${xbr}" ybr="${ybr}"`,
    attributes,
  });
}

/** CVAT's polygons have one outline: parts of a mask are shapes of their own, holes are filled. */
function polygonElements(name: string, mask: Mask, attributes: ShapeAttributes): string[] {
  return outlineMask(mask).map(([outer]) => {
    const points = outer!
      .slice(0, -1)
      .map(([x, y]) => `${x},${y}`)
      .join(";");
    return shapeElement("polygon", { name, place: `points="${points}"`, attributes });
  });
}

function shapeElement(
  kind: "box" | "polygon",
  shape: { readonly name: string; readonly place: string; readonly attributes: ShapeAttributes },
): string {
  const { name, place, attributes } = shape;
  const inside = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `      <attribute name="${key}">${value}</attribute>\n`)
    .join("");
  const label = `label="${escapeXml(name)}" source="auto" occluded="0"`;
  return `    <${kind} ${label} ${place} z_order="0">\n${inside}    </${kind}>\n`;
}

const entities: { readonly [character: string]: string } = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Control characters, which XML does not have, become U+FFFD. */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[&<>"]/g, (character) => entities[character]!)
    .replaceAll(/[\p{Cc}\ufffe\uffff]|\p{Cs}/gu, "\ufffd");
}
