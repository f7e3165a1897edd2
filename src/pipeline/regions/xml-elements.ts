import { invalid } from "./region-outlines.ts";

/** The beginning or the end of an element, or the text between. */
export type XmlPiece =
  | { readonly kind: "start"; readonly name: string; readonly attributes: XmlAttributes }
  | { readonly kind: "end"; readonly name: string }
  | { readonly kind: "text"; readonly text: string };

export type XmlAttributes = { readonly [name: string]: string | undefined };

const markup =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE[^[>]*>|<\/([\w:.-]+)\s*>|<([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y;
const attribute = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const entities: { readonly [name: string]: string } = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

/**
 * Reads XML as labelling tools write it: elements, attributes and text, without own entities.
 *
 * @throws `REGIONS_INVALID` for anything else
 */
export function* xmlPieces(xml: string): Generator<XmlPiece> {
  const scanner = new RegExp(markup);
  const open: string[] = [];
  while (scanner.lastIndex < xml.length) {
    const at = scanner.lastIndex;
    const found = scanner.exec(xml);
    if (found === null) throw invalid(`XML, but it is not at character ${1 + at}`);
    const [, data, end, name, attributes = "", empty, text] = found;
    if (name !== undefined) {
      yield { kind: "start", name, attributes: attributesOf(attributes) };
      if (empty) yield { kind: "end", name };
      else open.push(name);
    } else if (end !== undefined) {
      if (open.pop() !== end) throw invalid(`XML whose </${end}> ends what it began`);
      yield { kind: "end", name: end };
    } else if (data !== undefined || text !== undefined) {
      yield { kind: "text", text: data ?? decode(text!) };
    }
  }
  if (open.length > 0) throw invalid(`XML that is whole, but <${open.at(-1)}> does not end`);
}

function attributesOf(text: string): XmlAttributes {
  return Object.fromEntries(
    Array.from(text.matchAll(attribute), ([, name, double, single]) => [
      name!,
      decode(double ?? single ?? ""),
    ]),
  );
}

function decode(text: string): string {
  return text.replaceAll(/&(#x?)?(\w+);/g, (whole, number: string | undefined, name: string) => {
    if (number === undefined) return entities[name] ?? whole;
    const code = Number.parseInt(name, number === "#x" ? 16 : 10);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
