import { hash } from "node:crypto";
import type { Kysely } from "kysely";
import { Mask } from "../../../vision/masks/mask.ts";
import { fromCocoCounts } from "../../coco-counts.ts";
import type { MigrationDialect } from "./migration.ts";

/**
 * Beds become regions with a table of their own, objects know their region, and class names are
 * kept once. Brings along what is there.
 */
export async function addRegions(db: Kysely<unknown>, { idType }: MigrationDialect): Promise<void> {
  const { schema } = db;
  await schema.dropView("photo_result").execute();
  await schema.alterTable("result").renameColumn("bed_count", "region_count").execute();
  await schema
    .alterTable("result")
    .addColumn("slice_count", "integer", (column) => column.notNull().defaultTo(1))
    .execute();
  await schema.alterTable("result_count").renameColumn("bed", "region").execute();

  await schema
    .createTable("class_names")
    .addColumn("id", idType, (column) => column.primaryKey())
    .addColumn("hash", "text", (column) => column.notNull().unique())
    .addColumn("names", "text", (column) => column.notNull())
    .execute();

  await schema
    .createTable("result_objects")
    .addColumn("result_id", "bigint", (column) => column.primaryKey().references("result.id"))
    .addColumn("class_names_id", "bigint", (column) =>
      column.notNull().references("class_names.id"),
    )
    .addColumn("objects", "text", (column) => column.notNull())
    .addColumn("masks", "text")
    .execute();

  await schema
    .createTable("result_region")
    .addColumn("result_id", "bigint", (column) => column.notNull().references("result.id"))
    .addColumn("region", "integer", (column) => column.notNull())
    .addColumn("class_id", "integer", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("score", "double precision", (column) => column.notNull())
    .addColumn("left_px", "double precision", (column) => column.notNull())
    .addColumn("top_px", "double precision", (column) => column.notNull())
    .addColumn("right_px", "double precision", (column) => column.notNull())
    .addColumn("bottom_px", "double precision", (column) => column.notNull())
    .addColumn("area_px", "bigint", (column) => column.notNull())
    .addColumn("mask", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("result_region_key", ["result_id", "region"])
    .execute();

  await moveDetections(db as Kysely<OldTables>);
  await schema.dropTable("result_detections").execute();
}

/** What this step reads and writes, as it was and will be at this step. */
interface OldTables {
  result_detections: {
    result_id: number;
    role: "detect" | "segment";
    names: string;
    objects: string;
    masks: string | null;
  };
  class_names: { id?: number; hash: string; names: string };
  result_objects: {
    result_id: number;
    class_names_id: number;
    objects: string;
    masks: string | null;
  };
  result_region: {
    result_id: number;
    region: number;
    class_id: number;
    name: string;
    score: number;
    left_px: number;
    top_px: number;
    right_px: number;
    bottom_px: number;
    area_px: number;
    mask: string;
  };
}

type OldDetections = Pick<OldTables["result_detections"], "names" | "objects" | "masks">;
type ObjectRow = number[];

async function moveDetections(db: Kysely<OldTables>): Promise<void> {
  const namesIds = new Map<string, number>();
  for (let after = 0; ; ) {
    const page = await db
      .selectFrom("result_detections")
      .selectAll()
      .where("role", "=", "detect")
      .where("result_id", ">", after)
      .orderBy("result_id")
      .limit(100)
      .execute();
    for (const detect of page) {
      after = detect.result_id;
      const segment = await db
        .selectFrom("result_detections")
        .selectAll()
        .where("role", "=", "segment")
        .where("result_id", "=", after)
        .executeTakeFirst();
      let { objects } = detect;
      if (segment !== undefined) {
        const masks = toMasks(segment);
        objects = JSON.stringify(placeObjects(JSON.parse(objects), masks));
        const rows = toRegionRows(segment, masks).map((row) => ({ result_id: after, ...row }));
        if (rows.length > 0) await db.insertInto("result_region").values(rows).execute();
      }
      let class_names_id = namesIds.get(detect.names);
      if (class_names_id === undefined) {
        const row = { hash: hash("sha256", detect.names), names: detect.names };
        const query = db.insertInto("class_names").values(row).returning("id");
        class_names_id = (await query.executeTakeFirstOrThrow()).id!;
        namesIds.set(detect.names, class_names_id);
      }
      await db
        .insertInto("result_objects")
        .values({ result_id: after, class_names_id, objects, masks: detect.masks })
        .execute();
    }
    if (page.length === 0) return;
  }
}

function toMasks({ masks }: OldDetections): Mask[] {
  const stored: { size: [number, number]; counts: string }[] = JSON.parse(masks ?? "[]");
  return stored.map(
    ({ size: [heightPx, widthPx], counts }) =>
      new Mask({ widthPx, heightPx, counts: fromCocoCounts(counts) }),
  );
}

/** As they were counted: in the first mask that holds the centre of the box. */
function placeObjects(objects: ObjectRow[], masks: readonly Mask[]): ObjectRow[] {
  return objects.map((object) => {
    const [, , x1, y1, x2, y2] = object;
    const isInside = (mask: Mask) => mask.contains((x1! + x2!) / 2, (y1! + y2!) / 2);
    return [...object, 1 + masks.findIndex(isInside)];
  });
}

function toRegionRows(segment: OldDetections, masks: readonly Mask[]) {
  const names: string[] = JSON.parse(segment.names);
  const texts: { counts: string }[] = JSON.parse(segment.masks ?? "[]");
  const objects: ObjectRow[] = JSON.parse(segment.objects);
  return objects.map(([classId, score, x1, y1, x2, y2], index) => ({
    region: 1 + index,
    class_id: classId!,
    name: names[classId!] ?? String(classId),
    score: score!,
    left_px: x1!,
    top_px: y1!,
    right_px: x2!,
    bottom_px: y2!,
    area_px: masks[index]!.areaPx,
    mask: texts[index]!.counts,
  }));
}
