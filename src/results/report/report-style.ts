import { letterHeights } from "./pictures/overlay-labels.ts";

/** How the page looks: light and dark, at any width, and on paper. */
export const reportStyle = `
:root {
  color-scheme: light dark;
  --paper: #fdfbf7; --card: #fff; --ink: #24302a; --soft: #5f6b62; --line: #e9e3d6; --tint: #f6f1e7;
  --accent: #e8731a; --accent-ink: #a84a06; --leaf: #3f8a5f; --leaf-ink: #2c6a47;
  --warn: #fff1de; --warn-line: #f0c48c; --shade: 0 1px 2px rgb(60 45 20 / .05), 0 6px 20px rgb(60 45 20 / .045);
}
@media (prefers-color-scheme: dark) { :root {
  --paper: #131813; --card: #1b221c; --ink: #e8ebe2; --soft: #a0ab9f; --line: #2d372f; --tint: #222b24;
  --accent: #f58b3a; --accent-ink: #ffb070; --leaf: #6bbd8d; --leaf-ink: #8fd4ab;
  --warn: #33260f; --warn-line: #6f5220; --shade: none;
} }
*, ::before, ::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; }
body::before { content: ""; position: fixed; inset: 0 0 auto; height: 4px; background: linear-gradient(90deg, var(--accent), #f3b04c 45%, var(--leaf)); z-index: 1; }
main { max-width: 1180px; margin: 0 auto; padding: 44px clamp(16px, 4vw, 40px) 64px; }
h1, h2, h3, p, dl, dd, figure, ul { margin: 0; }
h1 { font-size: clamp(2rem, 5.4vw, 3.3rem); line-height: 1.08; letter-spacing: -.03em; font-weight: 720; margin: 14px 0 12px; }
h1 span { display: inline-block; color: var(--soft); font-weight: 480; }
h2 { font-size: 1.45rem; letter-spacing: -.015em; line-height: 1.2; margin-bottom: 14px; }
h3 { font-size: 1rem; line-height: 1.35; }
section { margin-top: 52px; scroll-margin-top: 60px; }
code { font: .9em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.quiet { color: var(--soft); }
.path { overflow-wrap: anywhere; }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.brand { display: flex; align-items: center; gap: 9px; font-weight: 650; letter-spacing: -.01em; }
.brand .quiet { font-weight: 400; }
.top + .notice, .notice + .notice { margin-top: 20px; }
.notice { background: var(--warn); border: 1px solid var(--warn-line); border-radius: 12px; padding: 12px 16px; font-size: .94rem; overflow-wrap: anywhere; }
.notice + section, .top + section { margin-top: 28px; }
nav.jump { display: flex; gap: 4px; flex-wrap: wrap; margin: 26px 0 0 -10px; }
nav.jump a { padding: 5px 10px; border-radius: 99px; color: var(--soft); text-decoration: none; font-size: .92rem; }
nav.jump a:hover { background: var(--tint); color: var(--ink); }

.tiles { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(144px, 1fr)); }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 15px 18px 14px; box-shadow: var(--shade); }
.tile dt { font-size: .86rem; color: var(--soft); }
.tile dd { container-type: inline-size; }
.tile b { display: block; font-size: min(1.9rem, 150cqi / var(--n)); line-height: 2.375rem; letter-spacing: -.025em; font-weight: 680; white-space: nowrap; }
.tile span { font-size: .84rem; color: var(--soft); }
.tile:nth-child(2) b { color: var(--accent-ink); }
.tile.warning { background: var(--warn); border-color: var(--warn-line); }
.device { color: var(--soft); margin: 10px 0 0; overflow-wrap: anywhere; }

.pair { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); align-items: start; }
.pair + .chart { margin-top: 16px; }
.chart, .pair > .scroll, .failure { background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 18px 20px; box-shadow: var(--shade); min-width: 0; }
.chart figcaption p { color: var(--soft); font-size: .92rem; margin: 2px 0 10px; }
.plot { display: flex; }
.plot svg { flex: none; display: block; overflow: visible; }
.plot svg + svg { flex: 1; min-width: 0; }
.chart .bars rect { fill: var(--accent); }
.chart.leaf .bars rect { fill: var(--leaf); }
.chart .bars rect:hover { opacity: .72; }
.chart .grid { stroke: var(--line); shape-rendering: crispEdges; }
.chart text { font-size: 12px; fill: var(--soft); }
.unit, .axis { font-size: .8rem; color: var(--soft); }
.axis { text-align: center; padding-left: var(--gutter); }
details { font-size: .88rem; margin-top: 6px; }
summary { color: var(--soft); cursor: pointer; width: max-content; padding: 2px 6px; margin-left: -6px; border-radius: 6px; }
details .scroll { max-height: 260px; margin-top: 6px; }
.stack { display: flex; gap: 2px; height: 30px; margin: 6px 0 10px; border-radius: 8px; overflow: hidden; }
.stack i { min-width: 2px; }
.steps i { display: inline-block; width: .7em; height: .7em; border-radius: 3px; margin-right: 9px; }
.s0 { background: #e8731a; } .s1 { background: #f3b04c; } .s2 { background: #3f8a5f; } .s3 { background: #7fb98f; } .s4 { background: #4c8fb3; } .s5 { background: #a3a896; } .s6 { background: #8a5a83; }
.across th { width: 1%; white-space: nowrap; max-width: 14em; overflow: hidden; text-overflow: ellipsis; }
.across td:nth-child(2) { width: 100%; vertical-align: middle; }
.across i { display: block; height: 14px; border-radius: 4px; background: var(--accent); min-width: 2px; }

.scroll { overflow-x: auto; max-width: 100%; }
#counts .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 16px; box-shadow: var(--shade); max-height: 620px; overflow: auto; }
#counts > p { margin: -6px 0 12px; font-size: .94rem; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; padding: 8px 12px; border-top: 1px solid var(--line); vertical-align: top; }
tbody tr:hover { background: var(--tint); }
th[scope=row] { font-weight: 500; }
thead th { font-size: .82rem; font-weight: 560; color: var(--soft); border-top: 0; vertical-align: bottom; }
.sortable > thead th { position: sticky; top: 0; background: var(--card); box-shadow: 0 1px var(--line); z-index: 1; }
.sortable > tbody > tr > th { min-width: 15em; }
thead th.number { white-space: normal; }
.chart th, .chart td, .pair > .scroll th, .pair > .scroll td { padding: 6px 8px; }
.chart th:first-child, .pair > .scroll th:first-child { padding-left: 0; }
.chart .number:last-child, .pair > .scroll .number:last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; }
thead .clamp { max-width: 9em; margin-left: auto; overflow-wrap: break-word; }
.regions { min-width: 10em; }
.regions details { font-size: inherit; margin: 0; }
.regions summary { color: inherit; padding: 0; margin: 0; }
.regions table { width: auto; margin: 4px 0; font-size: .88em; }
.regions table th, .regions table td { padding: 3px 14px 3px 0; white-space: nowrap; }
th button { all: unset; cursor: pointer; display: inline-block; vertical-align: bottom; }
th[aria-sort] button::after { content: " ↓"; }
th[aria-sort=ascending] button::after { content: " ↑"; }
.meter { min-width: 84px; }
.meter i { display: block; height: 3px; margin: 3px 0 2px auto; background: var(--leaf); border-radius: 2px; }

.bar { display: flex; flex-wrap: wrap; gap: 10px 24px; align-items: center; justify-content: space-between; margin-bottom: 14px; }
.bar p { font-size: .94rem; max-width: 46em; }
.toggles { display: flex; gap: 6px; border: 0; padding: 0; margin: 0; }
.toggles[hidden] { display: none; }
.toggles label { display: flex; gap: 6px; align-items: center; padding: 5px 12px 5px 9px; border: 1px solid var(--line); border-radius: 99px; font-size: .88rem; cursor: pointer; background: var(--card); }
.toggles input { accent-color: var(--accent); margin: 0; }
.gallery { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 310px), 1fr)); }
.gallery.many { grid-template-columns: repeat(auto-fit, minmax(min(100%, 262px), 1fr)); }
.card { max-width: 640px; background: var(--card); border: 1px solid var(--line); border-radius: 16px; overflow: hidden; box-shadow: var(--shade); display: flex; flex-direction: column; scroll-margin-top: 20px; }
.card:target { grid-column: 1 / -1; max-width: none; }
.card:target .shot { aspect-ratio: auto; }
.shot { display: grid; place-items: center; aspect-ratio: 4 / 3; background: #1a1f1a; overflow: hidden; }
.shot.missing { flex: 1; aspect-ratio: auto; min-height: 92px; padding: 16px; background: var(--tint); color: var(--soft); text-align: center; }
.frame { position: relative; display: block; aspect-ratio: var(--ar); width: min(100%, calc(100% * var(--ar) * 3 / 4)); }
.card:target .frame { width: 100%; }
.frame img, .overlay { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.overlay { overflow: hidden; }
.overlay path { vector-effect: non-scaling-stroke; stroke: var(--c); stroke-linejoin: round; }
.region { fill: var(--c); fill-opacity: .13; stroke-width: 2px; fill-rule: evenodd; }
.object { fill: none; stroke-width: 1px; }
.overlay text { font-weight: 700; fill: #fff; stroke: #101410; stroke-opacity: .82; paint-order: stroke; stroke-linejoin: round; }
.region-label { text-anchor: middle; font-size: calc(var(--u) * ${letterHeights.card}px); stroke-width: calc(var(--u) * 10px); }
.object-label, .region-label.large { display: none; }
.about { padding: 13px 16px 15px; font-size: .93rem; }
.about .quiet { font-size: .87rem; }
.chip { display: inline-block; background: var(--tint); color: var(--accent-ink); border-radius: 99px; padding: 0 9px; margin-top: 7px; }

dialog { border: 0; padding: 0; margin: 0; width: 100vw; height: 100dvh; max-width: none; max-height: none; background: #0e120f; color: #eef0ea; }
dialog[open] { display: grid; grid-template-rows: auto minmax(0, 1fr) auto; }
dialog::backdrop { background: #0e120f; }
dialog header, dialog footer { display: flex; gap: 10px 20px; align-items: center; justify-content: center; padding: 10px 16px; }
dialog .name { flex: 1; min-width: 0; }
dialog h2 { font-size: 1.02rem; margin: 0; unicode-bidi: isolate; }
dialog header p { font-size: .9rem; color: #aab3a8; }
.tools { display: flex; gap: 8px; align-items: center; flex-wrap: wrap; }
dialog button, dialog .toggles label { font: inherit; font-size: .9rem; color: inherit; background: #222a23; border: 1px solid #364238; border-radius: 99px; padding: 5px 14px; min-height: 36px; cursor: pointer; }
dialog button:hover, dialog button[aria-pressed=true] { background: #34402f; }
#viewer-place { min-width: 6em; text-align: center; font-size: .9rem; color: #aab3a8; }
.stage { display: flex; position: relative; overflow: auto; container-type: size; }
.stage .frame { flex: none; margin: auto; width: min(100cqw, calc(100cqh * var(--ar))); cursor: zoom-in; }
.stage.zoomed .frame { cursor: zoom-out; width: calc(2.4 * min(100cqw, 100cqh * var(--ar))); }
.stage .region-label { display: inline; font-size: calc(var(--u) * ${letterHeights.large}px); stroke-width: calc(var(--u) * 6px); }
.stage .object-label { display: inline; font-size: calc(var(--u) * ${letterHeights.object}px); stroke-width: calc(var(--u) * 3px); }
.stage .object { stroke-width: 1.5px; }
.without-regions .regions, .without-regions .region-label, .without-objects .objects, .without-objects .object-label, .without-labels .labels { display: none; }

.good { color: var(--leaf-ink); }
.failure + .failure, #failures .quiet + .failure { margin-top: 14px; }
.failure p { margin: 4px 0 8px; }
.failure ul, .recipe ul { list-style: none; padding: 0; }
.failure > ul > li { border-top: 1px solid var(--line); padding: 9px 0; font-size: .93rem; }
.failure .why { margin: 0 0 2px; color: var(--soft); overflow-wrap: anywhere; }
.failure .why b { color: var(--ink); font-weight: 600; }
.failure li li { padding: 2px 0; }
.recipe { display: grid; gap: 0; margin-top: 12px; }
.recipe > div { display: grid; grid-template-columns: minmax(90px, 150px) minmax(0, 1fr); gap: 16px; padding: 9px 0; border-top: 1px solid var(--line); font-size: .93rem; }
.recipe dt { color: var(--soft); }
.recipe li { display: inline-block; margin-right: 22px; color: var(--soft); }
.recipe li code { color: var(--ink); }
footer.end { margin-top: 56px; font-size: .87rem; color: var(--soft); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.shot:focus-visible { outline-offset: -3px; }
.stage:focus-visible { outline: 1px solid #4a5a4d; outline-offset: -1px; }
@media (max-width: 560px) {
  .tiles { grid-template-columns: 1fr 1fr; gap: 10px; }
  .tile { padding: 12px 14px; }
  .tile:last-child:nth-child(odd) { grid-column: 1 / -1; }
  section { margin-top: 40px; }
  .sortable > tbody > tr > th { min-width: 10em; }
  .recipe > div { grid-template-columns: 1fr; gap: 0; }
  .meter { min-width: 56px; } .pair .clamp { -webkit-line-clamp: 3; }
  .stage .object { stroke-width: 1px; }
  dialog header { flex-wrap: wrap; }
  dialog .tools { order: 1; flex: 1 0 100%; gap: 6px; }
  dialog .tools button, dialog .toggles label { font-size: .84rem; padding-inline: 10px; }
  dialog header, dialog footer { padding: 8px 12px; }
}
@media (max-width: 560px), (pointer: coarse) {
  nav.jump a, summary, th button, .toggles label, dialog .toggles label, dialog button { min-height: 40px; }
  nav.jump a { padding-block: 8px; }
  summary { padding-block: 9px; }
  .regions summary { padding-block: 9px; margin-block: -9px; }
  .regions table { margin-top: 12px; }
  thead th { vertical-align: middle; }
  th button { display: inline-flex; align-items: center; min-width: 40px; }
  th.number button { justify-content: end; }
}
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  :root { --paper: #fff; --card: #fff; --shade: none; }
  body { font-size: 13px; }
  body::before, .toggles, nav.jump, .chart details, .device, dialog { display: none !important; }
  main { padding: 0; max-width: none; } section { margin-top: 28px; }
  h2, h3, figcaption, #counts > p { break-after: avoid; }
  .card, .chart, .tile, tr, .pair > .scroll, .failure > ul > li { break-inside: avoid; }
  .path.clamp { display: inline; }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(88px, 1fr)); gap: 8px; }
  .tile { padding: 8px 10px; } .tile b { font-size: min(1.45rem, 150cqi / var(--n)); }
  .pair { grid-template-columns: 1fr 1fr; }
  .pair > :only-child { grid-column: 1 / -1; }
  .scroll, #counts .scroll { max-height: none; overflow: visible; }
  .sortable { font-size: .84em; }
  .sortable > thead th { position: static; }
  .sortable th, .sortable td { padding: 4px 7px; }
  /* A button is left out where a head is repeated on the next page. */
  th button { display: contents; }
  .gallery, .gallery.many { grid-template-columns: repeat(3, 1fr); }
  i, .shot, .tile { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
