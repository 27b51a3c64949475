// How reports look, on a screen and on paper.
//
// Invariants: only tables scroll sideways, in a box of their own; on paper nothing scrolls, no row
// and no chart is cut, a table's head stands on each of its pages, and colours are the light ones.

/// Follows the style that every page has.
let reportStyle = """
    h1 { overflow-wrap: anywhere; }
    h3 { font-size: .95rem; margin: 1.2rem 0 .4rem; }
    .subtitle { font-size: 1.05rem; margin: .1rem 0; overflow-wrap: anywhere; }
    .warning, .finding { border: 1px solid var(--c2); border-left-width: .4rem; border-radius: 4px;
      padding: .5rem .8rem; margin: .8rem 0; }
    .finding { border-color: #b00020; border-width: 2px; border-left-width: .8rem; }
    .card b { overflow-wrap: anywhere; font-size: 1.15rem; }
    nav { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: 1.2rem 0 0;
      font-size: .9rem; }
    a { color: var(--c1); }
    figure { margin: .6rem 0; }
    .plot { grid-template-columns: var(--y, 3.6rem) 1fr; grid-template-rows: 13rem auto;
      height: auto; }
    .x { grid-column: 2; margin: .4rem 0 0; font-size: .72rem; flex-wrap: wrap; gap: 0 .6rem; }
    .key.dot::before { width: .6em; height: .6em; border-radius: 50%; vertical-align: 0; }
    .key.square::before { width: .55em; height: .55em; vertical-align: 0; }
    .key.dashed::before { height: 0; background: none; border-top: .18em dashed currentColor; }
    .key.dotted::before { height: 0; background: none; border-top: .18em dotted currentColor; }
    .key.upright::before { width: .15em; height: .8em; vertical-align: -.1em; }
    .key.upright { color: var(--soft); }
    .area { fill: currentColor; stroke: none; opacity: .16; }
    .line.dashed { stroke-dasharray: 6 4; }
    .level { stroke: currentColor; stroke-width: 1.6; stroke-dasharray: 1.5 4;
      stroke-linecap: round; }
    .upright { stroke: var(--soft); stroke-width: 1.2; }
    .mark { stroke: currentColor; stroke-width: 7; }
    .mark.dot { stroke-linecap: round; } .mark.square { stroke-linecap: square; stroke-width: 6; }
    svg.bar { height: 1.4rem; } rect { fill: currentColor; }
    .scroll { overflow-x: auto; margin: .4rem 0; } .scroll + .scroll { margin-top: 1.4rem; }
    table { min-width: min(100%, 40rem); }
    caption { text-align: left; color: var(--soft); font-size: .87rem; padding: 0 0 .3rem; }
    caption span { position: sticky; left: 0; display: inline-block;
      max-width: calc(100vw - 2rem); }
    th { text-align: left; font-weight: 500; } small { overflow-wrap: anywhere; }
    .number { text-align: right; white-space: nowrap; }
    td.time { font-size: .9em; } .time span { white-space: nowrap; }
    @media screen and (min-width: 46.01rem) { wbr { display: none; } }
    .id, .text, .words { overflow-wrap: anywhere; }
    .id, .text { min-width: 6.5rem; }
    .words { min-width: 16rem; width: 45%; }
    .tag { display: inline-block; border: 1px solid currentColor; border-radius: 3px;
      padding: 0 .35em; font-size: .9em; white-space: nowrap; }
    tr.contradiction { background: #b0002018; }
    tr.contradiction .tag, tr.contradiction small { color: #b00020; font-weight: 600; }
    tr.rejected .tag { color: var(--c2); border-style: dashed; }
    tr.lead .tag { color: var(--c1); } tr.raised .tag { color: var(--c1); }
    tr.absorbed .tag { color: var(--c4); } tr.ended .tag { color: var(--c3); }
    tr.sum { font-weight: 600; }
    tr:target { background: var(--card); outline: 2px solid var(--c1); }
    pre { background: var(--card); border: 1px solid var(--rule); border-radius: 6px;
      padding: .7rem .8rem; overflow-x: auto; font-size: .8rem; }
    code { font-size: .85rem; overflow-wrap: anywhere; }
    .commands dt { color: inherit; }
    @media (max-width: 46rem) { body { padding: 1rem .75rem 2rem; }
      .cards { grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); }
      .plot { grid-template-rows: 11rem auto; } }
    @media screen and (max-width: 46rem) {
      .stacked thead { display: none; } .stacked tr { display: block; padding: .5rem 0;
        border-bottom: 1px solid var(--rule); }
      .stacked, .stacked tbody, .stacked caption { display: block; min-width: 0; width: auto; }
      .stacked th, .stacked td { display: block; border: 0; padding: .05rem 0; width: auto;
        min-width: 0; text-align: left; white-space: normal; }
      .stacked td:empty { display: none; } .stacked tbody th { font-weight: 600; }
      .stacked tbody th::before { content: "position "; font-weight: 400; color: var(--soft); }
      .stacked tbody th.id::before { content: "from "; }
      .stacked td[data-name]::before { content: attr(data-name) ": "; color: var(--soft); }
      .stacked td.words::before { content: none; } }

    """

/// How a report is printed, with what stands at the top and at the foot of each sheet.
func printStyle(left: String, right: String, foot: String) -> String {
    """
    @page { size: A4; margin: 18mm 14mm 16mm;
      @top-left { content: "\(left)"; font: 8pt system-ui, sans-serif; }
      @top-right { content: "\(right)"; font: 8pt system-ui, sans-serif; }
      @bottom-left { content: "\(foot)"; font: 8pt system-ui, sans-serif; }
      @bottom-right { content: counter(page) " / " counter(pages);
        font: 8pt system-ui, sans-serif; } }
    @media print {
      :root { color-scheme: light; --back: #ffffff; --front: #000000; --soft: #555555;
        --rule: #cccccc; --card: #ffffff;
        --c1: #0b6e99; --c2: #b4501a; --c3: #6b4fa0; --c4: #6b6b14; }
      body { padding: 0; max-width: none; font-size: 9.5pt; }
      nav { display: none; }
      h2, h3, caption { break-after: avoid; } h2 { margin-top: 1.2rem; }
      figure, tr, dl, .card, .warning, .finding { break-inside: avoid; }
      thead { display: table-header-group; break-after: avoid; break-inside: avoid; }
      tbody tr:first-child { break-before: avoid; }
      .scroll { overflow: visible; }
      table { font-size: 8pt; width: 100%; }
      th, td { padding: .2rem .3rem; }
      caption, .note, figcaption, .x, .y { font-size: 8pt; } caption span { max-width: none; }
      .id, .text { min-width: 9ch; } .words { min-width: 0; width: auto; }
      pre { white-space: pre-wrap; overflow-wrap: anywhere; }
      a { color: inherit; text-decoration: none; }
      .plot { grid-template-rows: 9rem auto; }
      .area, .key::before, rect { print-color-adjust: exact; } }

    """
}
