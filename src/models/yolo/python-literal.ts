/** A value that Python's `repr` can write and its `ast.literal_eval` can read. */
export type PythonLiteral =
  | string
  | number
  | boolean
  | null
  | readonly PythonLiteral[]
  | ReadonlyMap<PythonLiteral, PythonLiteral>;

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/**
 * Reads the text that Python's `str(value)` gives for dicts, lists, tuples, strings, numbers,
 * booleans and None. Ultralytics writes a model's metadata so: `{0: 'person', 1: "o'clock"}`.
 * Nothing is evaluated.
 *
 * @returns The value, or `undefined` when the text is not such a literal.
 */
export function parsePythonLiteral(text: string): PythonLiteral | undefined {
  const reader = new LiteralReader(text);
  try {
    return reader.readAll();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Deeper nesting than any metadata has is refused before it can exhaust the stack. */
const maxDepth = 32;

class LiteralReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readAll(): PythonLiteral {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw new SyntaxError("text after the value");
    return value;
  }

  #value(depth: number): PythonLiteral {
    if (depth > maxDepth) throw new SyntaxError("nested too deeply");
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === "{") return this.#dict(depth);
    if (first === "[") return this.#sequence("]", depth);
    if (first === "(") return this.#sequence(")", depth);
    if (first === "'" || first === '"') return this.#string(first);
    return this.#word();
  }

  #dict(depth: number): Map<PythonLiteral, PythonLiteral> {
    const entries = new Map<PythonLiteral, PythonLiteral>();
    this.#at++;
    while (!this.#take("}")) {
      const key = this.#value(depth + 1);
      this.#expect(":");
      entries.set(key, this.#value(depth + 1));
      if (!this.#take(",")) {
        this.#expect("}");
        break;
      }
    }
    return entries;
  }

  #sequence(close: string, depth: number): PythonLiteral[] {
    const items: PythonLiteral[] = [];
    this.#at++;
    while (!this.#take(close)) {
      items.push(this.#value(depth + 1));
      if (!this.#take(",")) {
        this.#expect(close);
        break;
      }
    }
    return items;
  }

  #string(quote: string): string {
    let value = "";
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      const character = this.#text[this.#at]!;
      if (character === quote) {
        this.#at++;
        return value;
      }
      value += character === "\\" ? this.#escape() : character;
    }
    throw new SyntaxError("string without an end");
  }

  /** Reads what follows a backslash; leaves the position on its last character. */
  #escape(): string {
    this.#at++;
    const kind = this.#text[this.#at] ?? "";
    const hexDigits = { x: 2, u: 4, U: 8 }[kind];
    if (hexDigits === undefined) return escapes[kind] ?? `\\${kind}`;
    const hex = this.#text.slice(this.#at + 1, this.#at + 1 + hexDigits);
    const codePoint = /^[0-9a-fA-F]+$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
    if (hex.length < hexDigits || !(codePoint <= 0x10ffff)) throw new SyntaxError("bad escape");
    this.#at += hexDigits;
    return String.fromCodePoint(codePoint);
  }

  #word(): PythonLiteral {
    const word = /^[\w.+-]+/.exec(this.#text.slice(this.#at, this.#at + 64))?.[0] ?? "";
    this.#at += word.length;
    if (word === "True") return true;
    if (word === "False") return false;
    if (word === "None") return null;
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return Number(word);
    throw new SyntaxError("not a literal");
  }

  #take(token: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== token) return false;
    this.#at++;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw new SyntaxError(`expected ${token}`);
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.#at] ?? "")) this.#at += 1;
  }
}
