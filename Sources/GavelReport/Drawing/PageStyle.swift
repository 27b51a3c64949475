// What pages share: colours in light and dark, letters, cards, tables, charts, and text as HTML.
//
// Invariant: text that somebody else wrote stands in a page only through `escaped`.

/// The rules that every page begins its style sheet with. They hold none of `<`, `>` and `&`.
package let sharedPageStyle = """
    :root { color-scheme: light dark; --back: #fbfaf8; --front: #1d1c1a; --soft: #68645c;
      --rule: #dcd8d0; --card: #ffffff;
      --c1: #0b6e99; --c2: #b4501a; --c3: #6b4fa0; --c4: #6b6b14; }
    @media (prefers-color-scheme: dark) {
      :root { --back: #16171a; --front: #e9e7e2; --soft: #a09c93; --rule: #36373c; --card: #1f2125;
        --c1: #5bb8e0; --c2: #f09a5e; --c3: #b79df0; --c4: #c9c95a; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 72rem; background: var(--back);
      color: var(--front); font: 15px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
    h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
    .what { color: var(--soft); margin: 0 0 1rem; }
    .note { color: var(--soft); margin: .2rem 0 .8rem; font-size: .87rem; }
    .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr));
      gap: .6rem; }
    .card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
      padding: .7rem .8rem; }
    .card b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
    .card span { color: var(--soft); font-size: .82rem; }
    table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
    th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
    td small { display: block; color: var(--soft); }
    thead th { color: var(--soft); font-weight: 500; }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr));
      gap: 1rem; }
    figure { margin: 0; background: var(--card); border: 1px solid var(--rule);
      border-radius: 8px; padding: .7rem .8rem; min-width: 0; }
    figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between;
      font-size: .87rem; margin-bottom: .6rem; }
    .legend { display: flex; flex-wrap: wrap; gap: 0 .8rem; }
    .key::before { content: ""; display: inline-block; width: .9em; height: .2em;
      margin-right: .35em; vertical-align: .25em; background: currentColor; }
    .plot { display: grid; grid-template-columns: 3.6rem 1fr; height: 12rem; }
    .y { position: relative; font-size: .75rem; color: var(--soft); }
    .y span { position: absolute; right: .5rem; transform: translateY(-50%); white-space: nowrap; }
    svg { width: 100%; height: 100%; overflow: visible; display: block; }
    path { fill: none; vector-effect: non-scaling-stroke; }
    .grid { stroke: var(--rule); stroke-width: 1; }
    .line { stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round;
      stroke-linecap: round; }
    .x { display: flex; justify-content: space-between; margin: .5rem 0 0 3.6rem;
      font-size: .75rem; color: var(--soft); }
    .c1 { color: var(--c1); } .c2 { color: var(--c2); } .c3 { color: var(--c3); }
    .c4 { color: var(--c4); }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0;
      font-size: .9rem; }
    dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
    @media (max-width: 46rem) {
      dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; } }

    """

/// Text as HTML holds it.
package func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": escaped += "&amp;"
        case "<": escaped += "&lt;"
        case ">": escaped += "&gt;"
        case "\"": escaped += "&quot;"
        default: escaped.unicodeScalars.append(scalar)
        }
    }
    return escaped
}
