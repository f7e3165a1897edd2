/** A piece of HTML that is safe as it is. */
export class Html {
  readonly text: string;

  /** @param text Markup of ours; what comes from outside goes through {@link html}. */
  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlValue = Html | string | number | false | undefined | readonly HtmlValue[];

/**
 * Makes markup with values put in. Texts are escaped for elements and for attributes in quotes;
 * lists are joined; `undefined` and `false` are left out. Line breaks of the markup itself are left
 * out with the white space around them where there is a tag beside them, and are a space within a
 * text, so that markup can be laid out like code.
 */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const markup = parts.map(withoutLineBreaks);
  return new Html(markup.reduce((text, part, i) => text + toText(values[i - 1]) + part));
}

function withoutLineBreaks(markup: string): string {
  return markup.replaceAll(/\s*\n\s*/g, (space, at: number) => {
    const [before, after] = [markup[at - 1], markup[at + space.length]];
    const isBetweenValues = before === undefined && after === undefined;
    return before === ">" || after === "<" || isBetweenValues ? "" : " ";
  });
}

function toText(value: HtmlValue): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return "";
  if (typeof value === "object") return value.map(toText).join("");
  return escapeHtml(String(value));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control characters, which HTML does not allow, become their pictures: ␀ for NUL. */
function escapeHtml(text: string): string {
  return text
    .replaceAll(/[&<>"']/g, (character) => entities[character]!)
    .replaceAll(/\p{Cc}/gu, (character) => {
      const code = character.charCodeAt(0);
      if (/\s/.test(character)) return character;
      return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
    });
}
