import assert from "node:assert/strict";
import { test } from "node:test";
import { PlaceGrid } from "./place-grid.ts";

test("photos of one place are put together, and those without a place are left out", () => {
  const grid = new PlaceGrid(10);
  grid.add({ latitude: 52.5, longitude: 13.4 }, 3);
  grid.add({ latitude: 52.5, longitude: 13.4 }, 4);
  grid.add({ latitude: -52.5, longitude: -13.4 }, 9);
  grid.add({ latitude: 52.5 }, 100);
  assert.deepEqual(grid.places, [
    { latitude: -52.5, longitude: -13.4, photos: 1, objects: 9 },
    { latitude: 52.5, longitude: 13.4, photos: 2, objects: 7 },
  ]);
});

test("many places become few, and nothing is lost", () => {
  const grid = new PlaceGrid(50);
  for (let i = 0; i < 3000; i++) grid.add({ latitude: 50 + i / 1e4, longitude: 10 + i / 1e4 }, 2);
  const { places } = grid;
  assert.ok(places.length > 10 && places.length <= 50, String(places.length));
  assert.equal(
    places.reduce((sum, { objects }) => sum + objects, 0),
    6000,
  );
  assert.equal(
    places.reduce((sum, { photos }) => sum + photos, 0),
    3000,
  );
  for (const { latitude, longitude } of places) {
    assert.ok(Math.abs(latitude - 40 - longitude) < 1e-6, "the mean place is on the line");
  }
});
