import type { Kysely } from "kysely";

const columns = {
  taken_at: "text",
  latitude: "double precision",
  longitude: "double precision",
  altitude_m: "double precision",
  height_m: "double precision",
  camera: "text",
  camera_id: "text",
  focal_length_mm: "double precision",
  focal_length_35mm: "double precision",
  sensor_width_mm: "double precision",
} as const;

/** Photos know when, where and with what they were taken, once they are read again. */
export async function addCapture(db: Kysely<unknown>): Promise<void> {
  for (const [name, type] of Object.entries(columns)) {
    await db.schema.alterTable("photo").addColumn(name, type).execute();
  }
}
