import assert from "node:assert/strict";
import { test } from "node:test";
import { html } from "./html.ts";

test("texts are escaped for elements and attributes, markup of ours is not", () => {
  const name = `"><script>alert('x')</script>&amp;`;
  const escaped = "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;";
  assert.equal(
    html`<b title="${name}">${html`<i>${name}</i>`}</b>`.text,
    `<b title="${escaped}"><i>${escaped}</i></b>`,
  );
});

test("control characters become visible, white space stays", () => {
  assert.equal(html`${"a\0b\x1b[1m\x85\tc\n"}`.text, "a␀b␛[1m\ufffd\tc\n");
});

test("lists are joined, and what is undefined or false is left out, but not zero", () => {
  assert.equal(html`${[1, html`<br>`, "&"]}${undefined}${false}${0}${""}`.text, "1<br>&amp;0");
});

test("line breaks beside tags are left out, those within a text are a space", () => {
  const text = html`
    <p>
      one
      two ${"three\n  four"}
      five <b>six</b>
      ${"seven"}
      ${"eight"}
    </p>
  `.text;
  assert.equal(text, "<p>one two three\n  four five <b>six</b>seveneight</p>");
});
