import {
  GatheredOutlines,
  invalid,
  type RegionFileContents,
  toRectangle,
  toRing,
} from "./region-outlines.ts";
import { type XmlAttributes, xmlPieces } from "./xml-elements.ts";

/** Shapes of CVAT that enclose no area, or not one of straight edges. */
const otherShapes = new Set([
  "polyline",
  "points",
  "ellipse",
  "cuboid",
  "mask",
  "skeleton",
  "track",
]);

/**
 * Reads regions from "CVAT for images 1.1": polygons and upright boxes. A region is named by its
 * attribute `name`, or by its label.
 *
 * @throws `REGIONS_INVALID`
 */
export function readCvat(xml: string): RegionFileContents {
  const gathered = new GatheredOutlines();
  let photo: string | undefined;
  let shape: { readonly name: string; readonly attributes: XmlAttributes } | undefined;
  let attributeName: string | undefined;
  let regionName: string | undefined;
  for (const piece of xmlPieces(xml)) {
    if (piece.kind === "text") {
      if (attributeName === "name" && piece.text.trim() !== "") regionName = piece.text.trim();
      continue;
    }
    const { kind, name } = piece;
    if (kind === "start") {
      if (name === "image") {
        photo = piece.attributes.name;
        if (photo === undefined) throw invalid("each image to have a name");
        gathered.addPhoto(photo, [piece.attributes.width, piece.attributes.height]);
      } else if (name === "attribute") {
        attributeName = piece.attributes.name;
      } else if (name === "polygon" || name === "box") {
        shape = piece;
        regionName = undefined;
      } else if (otherShapes.has(name)) {
        throw invalid(`polygons and boxes, got a ${name} on ${photo}. Draw it as a polygon`);
      }
      continue;
    }
    if (name === "attribute") attributeName = undefined;
    if (shape?.name !== name || photo === undefined) continue;
    const { attributes } = shape;
    const label = `a ${name} on ${photo}`;
    const ring = name === "box" ? boxOf(attributes, label) : toRing(pointsOf(attributes), label);
    gathered.addRegion(photo, {
      name: regionName ?? attributes.label ?? "region",
      shapes: [[ring]],
    });
    shape = undefined;
  }
  return gathered.finish();
}

function pointsOf({ points = "" }: XmlAttributes): number[][] {
  return points.split(";").map((pair) => pair.split(",").map(toNumber));
}

function boxOf({ xtl, ytl, xbr, ybr, rotation = "0" }: XmlAttributes, label: string) {
  if (Number(rotation) !== 0) {
    throw invalid(`${label} to be upright, got a rotation of ${rotation}. Draw it as a polygon`);
  }
  return toRectangle([xtl, ytl, xbr, ybr].map(toNumber), label);
}

function toNumber(text: string | undefined): number {
  return text === undefined || text.trim() === "" ? Number.NaN : Number(text);
}
