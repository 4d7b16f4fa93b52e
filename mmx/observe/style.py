"""The style sheet of the status page: light and dark by the reader's preference, from 320 px of width on."""

from typing import Final

STYLE: Final = """\
:root {
  color-scheme: light dark;
  --ground: #f4f5f7; --card: #ffffff; --ink: #1b1f24; --quiet: #566069; --edge: #d5dae0; --faint: #e8ebef;
  --link: #0a58b8; --good: #17753a; --bad: #bd1f2c; --warn: #8a5a00; --hold: #6a3fb5;
  --good-ground: #e2f4e7; --bad-ground: #fde8e8; --warn-ground: #fcf0d6; --hold-ground: #efe8fb;
  --p50: #0a58b8; --p95: #c2570c; --area: #f8e3d4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1116; --card: #171b21; --ink: #e4e8ee; --quiet: #9aa4b0; --edge: #303741; --faint: #242a32;
    --link: #79b2ff; --good: #57c878; --bad: #ff8080; --warn: #e8b04a; --hold: #bb9bf5;
    --good-ground: #12301c; --bad-ground: #3b1518; --warn-ground: #352706; --hold-ground: #271b42;
    --p50: #79b2ff; --p95: #f0995a; --area: #3a2718;
  }
}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--ink); -webkit-text-size-adjust: 100%; }
body {
  max-width: 76rem; margin: 0 auto; padding: 1rem;
  font: 0.9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
h1, h2, h3, p, ul, figure, table, pre { margin: 0; }
h1 { font-size: 1.5rem; line-height: 1.2; letter-spacing: -0.01em; }
h2 { font-size: 1.0625rem; margin: 0 0 0.75rem; }
h3 {
  font-size: 1rem; display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center;
  overflow-wrap: anywhere;
}
a { color: var(--link); }
header { display: flex; flex-wrap: wrap; gap: 0 0.75rem; align-items: baseline; margin-bottom: 1rem; }
footer { margin: 1.5rem 0 0.5rem; color: var(--quiet); }
main { display: grid; gap: 1rem; }
main > *, .columns > *, .cards > * { min-width: 0; }
section { background: var(--card); border: 1px solid var(--edge); border-radius: 0.625rem; padding: 1rem; }
#children { background: none; border: 0; padding: 0; }
.quiet { color: var(--quiet); }
.columns { display: grid; gap: 1rem; }
.cards { display: grid; gap: 1rem; }
@media (min-width: 46rem) {
  .columns { grid-template-columns: minmax(20rem, 2fr) 3fr; }
  .cards { grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); }
}
.well, .problems { border-radius: 0.625rem; padding: 0.75rem 1rem; font-weight: 600; list-style: none; }
.well { background: var(--good-ground); color: var(--good); }
.problems { background: var(--bad-ground); color: var(--bad); font-weight: 500; }
.problems li + li { margin-top: 0.375rem; }
.warnings { padding-left: 1.25rem; margin-bottom: 0.75rem; color: var(--warn); }

table { border-collapse: collapse; }
th { text-align: left; font-weight: 500; }
thead th { color: var(--quiet); font-size: 0.8125rem; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.25rem; }
th, td { padding: 0.1875rem 0.75rem 0.1875rem 0; vertical-align: top; }
.count { text-align: right; white-space: nowrap; }
.scroll { overflow-x: auto; position: relative; }
.scroll table { width: 100%; }
.scroll th, .scroll td { padding: 0.3125rem 1rem 0.3125rem 0; border-top: 1px solid var(--faint); }
.scroll thead th { border-top: 0; }
.scroll td { white-space: nowrap; }
.scroll td.text { white-space: normal; min-width: 16rem; overflow-wrap: anywhere; }
.time, .id, pre {
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: 0.8125rem;
}
.scroll + details { margin-top: 0.5rem; }
@media (max-width: 34rem) {
  .scroll thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .scroll tr { display: grid; grid-template-columns: 6.75rem 1fr auto; gap: 0 0.5rem; padding: 0.3125rem 0; }
  .scroll tr { border-top: 1px solid var(--faint); }
  .scroll td, .scroll th { border: 0; padding: 0; white-space: normal; overflow-wrap: anywhere; }
  .scroll td.time { grid-area: 1 / 1; }
  .scroll td.word { grid-area: 1 / 2; }
  .scroll td.count { grid-area: 1 / 3; }
  .scroll td.id { grid-area: 2 / 1; }
  .scroll td.text { grid-column: 1 / -1; min-width: 0; }
  .scroll td.stage { text-align: right; }
  .scroll td.none { visibility: hidden; }
}
.bars { width: 100%; margin-bottom: 1rem; }
.bars th { white-space: nowrap; }
.bars td.bar { width: 40%; padding-right: 0; vertical-align: middle; }
.bars svg { display: block; width: 100%; height: 0.5rem; }
.ground { fill: var(--faint); }
.bar { fill: var(--p50); }
.bar.accept { fill: var(--good); } .bar.reject, .bar.shutdown { fill: var(--bad); }
.bar.tempfail { fill: var(--warn); }
.bar.quarantine, .bar.discard { fill: var(--hold); }
.bar.aborted { fill: var(--quiet); }

span.word, .state {
  border-radius: 1rem; padding: 0.0625rem 0.5rem; font-size: 0.8125rem; font-weight: 600;
  background: var(--faint);
}
span.word.accept, .state.up { background: var(--good-ground); color: var(--good); }
span.word.reject, span.word.shutdown, .state.down { background: var(--bad-ground); color: var(--bad); }
span.word.tempfail, .state.slow, .state.disabled, .state.draining {
  background: var(--warn-ground); color: var(--warn);
}
span.word.quarantine, span.word.discard { background: var(--hold-ground); color: var(--hold); }

.chain { display: block; width: 100%; max-width: 23rem; height: auto; margin-bottom: 0.5rem; }
.chain text { fill: var(--ink); font-size: 13px; }
.chain .name { font-size: 15px; font-weight: 600; }
.chain a:hover .name, .chain a:focus .name { text-decoration: underline; }
.chain .quiet { fill: var(--quiet); }
.chain .line { stroke: var(--edge); stroke-width: 4; }
.chain .aside { stroke: var(--edge); stroke-width: 3; stroke-dasharray: 3 5; }
.chain .end { fill: var(--quiet); }
.chain .station { fill: var(--card); stroke: var(--quiet); stroke-width: 3; }
.chain .station.up { fill: var(--good); stroke: var(--good); }
.chain .station.down { fill: var(--bad); stroke: var(--bad); }
.chain .station.disabled, .chain .station.draining { fill: var(--quiet); }
.chain .station.slow { fill: var(--warn); stroke: var(--warn); }
.chain .symbol {
  fill: none; stroke: var(--card); stroke-width: 2.5; stroke-linecap: round; stroke-linejoin: round;
}

.child {
  background: var(--card); border: 1px solid var(--edge); border-radius: 0.625rem; padding: 1rem;
  display: grid; gap: 0.75rem; align-content: start;
}
.child:target { outline: 3px solid var(--link); outline-offset: 2px; }
.child.down { border-color: var(--bad); }
.why { color: var(--bad); }
.facts th { color: var(--quiet); white-space: nowrap; }
.facts th, .facts td { font-size: 0.875rem; padding-top: 0.0625rem; padding-bottom: 0.0625rem; }
.plot { display: block; width: 100%; height: 3.75rem; }
.plot path { fill: none; vector-effect: non-scaling-stroke; }
.plot .axis { stroke: var(--edge); stroke-width: 1; }
.plot .area { fill: var(--area); }
.plot .p95 { stroke: var(--p95); stroke-width: 1.5; }
.plot .p50 { stroke: var(--p50); stroke-width: 1.5; }
figcaption { font-size: 0.8125rem; color: var(--quiet); margin-top: 0.25rem; }
.key { font-weight: 600; margin-right: 0.5rem; }
.key::before {
  content: ""; display: inline-block; width: 0.75rem; height: 0.1875rem; margin-right: 0.25rem;
  vertical-align: middle; background: currentColor;
}
.key.p50 { color: var(--p50); } .key.p95 { color: var(--p95); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.counts { width: 100%; align-self: start; font-size: 0.875rem; }
.counts th { font-weight: 400; }
.errors { padding-left: 1.125rem; font-size: 0.8125rem; }
summary { cursor: pointer; color: var(--link); }
pre {
  overflow-x: auto; padding: 0.75rem; margin-top: 0.5rem; background: var(--ground);
  border-radius: 0.375rem; line-height: 1.45;
}
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
"""
