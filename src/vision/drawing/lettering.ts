import type { Point } from "./canvas.ts";

// Letters of single strokes, drawn for this project, so that labels look the same on every machine
// and need no font. Capitals are 10 units high, from y = 0 down to the base line at y = 10; small
// letters start at 3, tails reach 13.
// M moves, L draws a line, Q a quadratic curve (control point, end point), as in SVG paths; W sets
// the width where it is not that of the strokes.
const bowlLeft = "M5.2 6.5 Q5.2 3 2.6 3 Q0 3 0 6.5 Q0 10 2.6 10 Q5.2 10 5.2 6.5";
const bowlRight = "M0 6.5 Q0 3 2.6 3 Q5.2 3 5.2 6.5 Q5.2 10 2.6 10 Q0 10 0 6.5";
const glyphPaths: Readonly<Record<string, string>> = {
  A: "M0 10 L3.5 0 L7 10 M1.2 6.7 L5.8 6.7",
  B:
    "M0 4.8 L3.4 4.8 Q6.2 4.8 6.2 7.4 Q6.2 10 3.4 10 L0 10 L0 0 L3.2 0 Q5.7 0 5.7 2.4 " +
    "Q5.7 4.8 3.2 4.8",
  C: "M6.3 2.1 Q5.5 0 3.4 0 Q0 0 0 5 Q0 10 3.4 10 Q5.5 10 6.3 7.9",
  D: "M0 0 L0 10 L2.6 10 Q6.6 10 6.6 5 Q6.6 0 2.6 0 L0 0",
  E: "M5.4 0 L0 0 L0 10 L5.4 10 M0 4.8 L4.7 4.8",
  F: "M5.4 0 L0 0 L0 10 M0 4.9 L4.6 4.9",
  G: "M6.3 2.1 Q5.5 0 3.4 0 Q0 0 0 5 Q0 10 3.4 10 Q6.5 10 6.5 6.4 L6.5 5.5 L3.9 5.5",
  H: "M0 0 L0 10 M6.2 0 L6.2 10 M0 4.9 L6.2 4.9",
  I: "M0 0 L0 10",
  J: "M4.2 0 L4.2 7.2 Q4.2 10 2.1 10 Q0 10 0 7.8",
  K: "M0 0 L0 10 M5.8 0 L0 6.3 M2 4.2 L6.1 10",
  L: "M0 0 L0 10 L5 10",
  M: "M0 10 L0 0 L3.9 6.6 L7.8 0 L7.8 10",
  N: "M0 10 L0 0 L6.2 10 L6.2 0",
  O: "M3.5 0 Q0 0 0 5 Q0 10 3.5 10 Q7 10 7 5 Q7 0 3.5 0",
  P: "M0 10 L0 0 L3.4 0 Q6.1 0 6.1 2.8 Q6.1 5.6 3.4 5.6 L0 5.6",
  Q: "M3.5 0 Q0 0 0 5 Q0 10 3.5 10 Q7 10 7 5 Q7 0 3.5 0 M4.4 7.5 L7 10.4",
  R: "M0 10 L0 0 L3.4 0 Q6.1 0 6.1 2.8 Q6.1 5.6 3.4 5.6 L0 5.6 M3.3 5.6 L6.3 10",
  S: "M5.8 2 Q5.1 0 3 0 Q.4 0 .4 2.5 Q.4 4.3 3.1 4.9 Q6 5.5 6 7.5 Q6 10 3 10 Q.7 10 0 8",
  T: "M0 0 L6.4 0 M3.2 0 L3.2 10",
  U: "M0 0 L0 6.4 Q0 10 3.1 10 Q6.2 10 6.2 6.4 L6.2 0",
  V: "M0 0 L3.4 10 L6.8 0",
  W: "M0 0 L2.5 10 L4.9 1.6 L7.3 10 L9.8 0",
  X: "M0 0 L6.2 10 M6.2 0 L0 10",
  Y: "M0 0 L3.2 5.2 L6.4 0 M3.2 5.2 L3.2 10",
  Z: "M0 0 L6 0 L0 10 L6 10",
  a: `M5.2 3 L5.2 10 ${bowlLeft}`,
  b: `M0 0 L0 10 ${bowlRight}`,
  c: "M4.7 4.5 Q4 3 2.6 3 Q0 3 0 6.5 Q0 10 2.6 10 Q4 10 4.7 8.5",
  d: `M5.2 0 L5.2 10 ${bowlLeft}`,
  e: "M0 6.4 L5.1 6.4 Q5.1 3 2.6 3 Q0 3 0 6.5 Q0 10 2.7 10 Q4.2 10 4.9 8.6",
  f: "M3.7 .1 Q1.4 -.5 1.4 2.2 L1.4 10 M0 3.4 L3.4 3.4",
  g: `M5.2 3 L5.2 10.4 Q5.2 13 2.6 13 Q1 13 .3 12 ${bowlLeft}`,
  h: "M0 0 L0 10 M0 6.2 Q0 3 2.5 3 Q4.8 3 4.8 6 L4.8 10",
  i: "M0 3 L0 10 M0 .2",
  j: "M1.6 3 L1.6 11 Q1.6 13 0 13 M1.6 .2",
  k: "M0 0 L0 10 M4.5 3 L0 7.3 M1.6 5.8 L4.8 10",
  l: "M0 0 L0 8.4 Q0 10 1.4 10",
  m: "M0 3 L0 10 M0 6 Q0 3 2.1 3 Q4.1 3 4.1 6 L4.1 10 M4.1 6 Q4.1 3 6.2 3 Q8.2 3 8.2 6 L8.2 10",
  n: "M0 3 L0 10 M0 6.2 Q0 3 2.5 3 Q4.8 3 4.8 6 L4.8 10",
  o: "M2.6 3 Q0 3 0 6.5 Q0 10 2.6 10 Q5.2 10 5.2 6.5 Q5.2 3 2.6 3",
  p: `M0 3 L0 13 ${bowlRight}`,
  q: `M5.2 3 L5.2 13 ${bowlLeft}`,
  r: "M0 3 L0 10 M0 6.4 Q.2 3 3.1 3",
  s:
    "M4.3 4.4 Q3.8 3 2.2 3 Q.3 3 .3 4.8 Q.3 6.1 2.3 6.5 Q4.5 6.9 4.5 8.3 Q4.5 10 2.3 10 " +
    "Q.5 10 0 8.6",
  t: "M1.4 .8 L1.4 8.2 Q1.4 10 3 10 L3.6 9.9 M0 3.3 L3.5 3.3",
  u: "M0 3 L0 6.9 Q0 10 2.3 10 Q4.8 10 4.8 6.8 M4.8 3 L4.8 10",
  v: "M0 3 L2.6 10 L5.2 3",
  w: "M0 3 L1.9 10 L3.8 4 L5.7 10 L7.6 3",
  x: "M0 3 L4.7 10 M4.7 3 L0 10",
  y: "M0 3 L2.7 9.9 M5.2 3 L2.5 10.7 Q1.7 13 0 12.9",
  z: "M0 3 L4.5 3 L0 10 L4.5 10",
  "0": "M2.8 0 Q0 0 0 5 Q0 10 2.8 10 Q5.6 10 5.6 5 Q5.6 0 2.8 0",
  "1": "W5.6 M1 2.2 L3.3 0 L3.3 10",
  "2": "M.2 2.7 Q.4 0 2.9 0 Q5.4 0 5.4 2.6 Q5.4 4.3 3.6 6.2 L0 10 L5.6 10",
  "3":
    "M.3 2 Q.8 0 2.8 0 Q5.2 0 5.2 2.4 Q5.2 4.7 2.6 4.7 Q5.6 4.7 5.6 7.3 Q5.6 10 2.7 10 " +
    "Q.5 10 0 8",
  "4": "M4.2 10 L4.2 0 L0 7 L5.6 7",
  "5": "M5 0 L.9 0 L.5 4.8 Q1.3 3.7 2.8 3.7 Q5.6 3.7 5.6 6.8 Q5.6 10 2.7 10 Q.5 10 0 8.2",
  "6": "M5 1.4 Q4.3 0 3 0 Q0 0 0 5.8 Q0 10 2.8 10 Q5.6 10 5.6 6.9 Q5.6 4 2.9 4 Q.4 4 0 6.6",
  "7": "M0 0 L5.6 0 L2 10",
  "8":
    "M2.8 4.7 Q.4 4.7 .4 2.3 Q.4 0 2.8 0 Q5.2 0 5.2 2.3 Q5.2 4.7 2.8 4.7 Q0 4.7 0 7.3 " +
    "Q0 10 2.8 10 Q5.6 10 5.6 7.3 Q5.6 4.7 2.8 4.7",
  "9": "M.6 8.6 Q1.3 10 2.6 10 Q5.6 10 5.6 4.2 Q5.6 0 2.8 0 Q0 0 0 3.1 Q0 6 2.7 6 Q5.2 6 5.6 3.4",
  ".": "M0 10",
  ",": "M.5 10 L0 11.8",
  ":": "M0 4.2 M0 10",
  ";": "M.5 4.2 M.5 10 L0 11.8",
  "!": "M0 0 L0 6.8 M0 10",
  "?": "M0 2.2 Q.3 0 2.4 0 Q4.8 0 4.8 2.4 Q4.8 3.9 3.3 4.9 Q2.3 5.6 2.3 7 M2.3 10",
  "-": "M0 6 L3.4 6",
  _: "M0 11.4 L5.6 11.4",
  "+": "M0 6 L5.2 6 M2.6 3.4 L2.6 8.6",
  "*": "M2 0 L2 4.6 M0 1.2 L4 3.4 M4 1.2 L0 3.4",
  "/": "M0 11.2 L4.4 -1",
  "\\": "M0 -1 L4.4 11.2",
  "(": "M2 -1.2 Q0 1.4 0 5.1 Q0 8.8 2 11.4",
  ")": "M0 -1.2 Q2 1.4 2 5.1 Q2 8.8 0 11.4",
  "[": "M1.8 -1 L0 -1 L0 11.4 L1.8 11.4",
  "]": "M0 -1 L1.8 -1 L1.8 11.4 L0 11.4",
  "{": "M2.2 -1 Q1 -1 1 .6 L1 3.4 Q1 5.2 0 5.2 Q1 5.2 1 7 L1 9.8 Q1 11.4 2.2 11.4",
  "}": "M0 -1 Q1.2 -1 1.2 .6 L1.2 3.4 Q1.2 5.2 2.2 5.2 Q1.2 5.2 1.2 7 L1.2 9.8 Q1.2 11.4 0 11.4",
  "<": "M4.8 3 L0 6 L4.8 9",
  ">": "M0 3 L4.8 6 L0 9",
  "=": "M0 4.6 L5 4.6 M0 7.6 L5 7.6",
  "%":
    "M1.6 0 Q0 0 0 2.2 Q0 4.4 1.6 4.4 Q3.2 4.4 3.2 2.2 Q3.2 0 1.6 0 M7 0 L1.6 10 M7 5.6 " +
    "Q5.4 5.6 5.4 7.8 Q5.4 10 7 10 Q8.6 10 8.6 7.8 Q8.6 5.6 7 5.6",
  "#": "M2.2 .4 L1.2 9.6 M5.2 .4 L4.2 9.6 M.3 3.4 L6.4 3.4 M0 6.7 L6.1 6.7",
  "&":
    "M6.4 10 L1.3 3.6 Q.2 0 2.7 0 Q5 0 4.4 2.6 Q4 4 1.6 5.2 Q0 6 0 7.6 Q0 10 2.6 10 " +
    "Q5.4 10 6.2 5.8",
  "@":
    "M6.2 6.2 Q5.8 8 4.4 8 Q2.6 8 2.6 5.6 Q2.6 3.2 4.4 3.2 Q6.2 3.2 6.2 5.4 L6.2 6.6 " +
    "Q6.4 8 7.4 8 Q8.8 8 8.8 5 Q8.8 0 4.5 0 Q0 0 0 5.4 Q0 11 4.5 11 Q6 11 7 10.4",
  "'": "M0 0 L0 2.6",
  '"': "M0 0 L0 2.6 M2 0 L2 2.6",
  "`": "M0 0 L1.2 1.8",
  "~": "M0 6.6 Q1.2 4.6 2.7 5.9 Q4.2 7.2 5.4 5.2",
  "^": "M0 3 L2 0 L4 3",
  "|": "M0 -1 L0 11.4",
  $:
    "M5.8 2 Q5.1 0 3 0 Q.4 0 .4 2.5 Q.4 4.3 3.1 4.9 Q6 5.5 6 7.5 Q6 10 3 10 Q.7 10 0 8 " +
    "M3 -1.6 L3 11.6",
  " ": "W2",
};
const capHeight = 10;
/** The gap between two letters and the width of the strokes, in units. */
const letterGap = 2.5;
const strokeWidth = 1.25;
const pointsPerCurve = 6;

interface Glyph {
  readonly lines: readonly (readonly Point[])[];
  readonly width: number;
}

const glyphs = new Map<string, Glyph>();

/** A line of text as strokes. */
export interface Lettering {
  readonly lines: readonly (readonly Point[])[];
  readonly lineWidthPx: number;
  readonly widthPx: number;
}

/**
 * Whether every character can be drawn: ASCII, and Latin letters with accents (which are dropped).
 */
export function canLetter(text: string): boolean {
  return [...plain(text)].every((character) => Object.hasOwn(glyphPaths, character));
}

/**
 * Makes the strokes of one line of text. `x` is its left edge and `baseline` the foot of its
 * letters, px; `heightPx` is the height of its capitals. Characters that cannot be drawn are left
 * out ({@link canLetter}).
 */
export function letter(
  text: string,
  { x, baseline, heightPx }: { x: number; baseline: number; heightPx: number },
): Lettering {
  const scale = heightPx / capHeight;
  const lines: Point[][] = [];
  let left = x;
  for (const character of plain(text)) {
    const glyph = glyphOf(character);
    if (glyph === undefined) continue;
    for (const line of glyph.lines) {
      lines.push(
        line.map(([px, py]): Point => [left + px * scale, baseline + (py - capHeight) * scale]),
      );
    }
    left += (glyph.width + letterGap) * scale;
  }
  const widthPx = Math.max(0, left - x - letterGap * scale);
  return { lines, lineWidthPx: strokeWidth * scale, widthPx };
}

function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{Mark}/gu, "");
}

function glyphOf(character: string): Glyph | undefined {
  const path = Object.hasOwn(glyphPaths, character) ? glyphPaths[character] : undefined;
  if (path === undefined) return undefined;
  let glyph = glyphs.get(character);
  if (glyph === undefined) {
    glyph = parseGlyph(path);
    glyphs.set(character, glyph);
  }
  return glyph;
}

function parseGlyph(path: string): Glyph {
  const lines: Point[][] = [];
  let width = 0;
  for (const [, command, numbers] of path.matchAll(/([WMLQ])([^WMLQ]*)/g)) {
    const [x1, y1, x2, y2] = numbers!.trim().split(/\s+/).map(Number) as [
      number,
      number,
      number,
      number,
    ];
    if (command === "W") {
      width = x1;
      continue;
    }
    if (command === "M") lines.push([]);
    const line = lines.at(-1)!;
    if (command === "Q") {
      const [x0, y0] = line.at(-1)!;
      for (let i = 1; i <= pointsPerCurve; i++) {
        const t = i / pointsPerCurve;
        const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t * t];
        line.push([a * x0 + b * x1 + c * x2, a * y0 + b * y1 + c * y2]);
      }
    } else {
      line.push([x1, y1]);
    }
    width = Math.max(width, ...line.map(([x]) => x));
  }
  return { lines, width };
}
