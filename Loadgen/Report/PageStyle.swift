/// The page's style sheet.
enum PageStyle {
    static let css = """
        :root{color-scheme:light dark;--bg:#f4f6f8;--card:#fff;--ink:#17212b;--soft:#5c6a78;--line:#dde3e9;
        --grid:#e3e8ee;--ok:#0f7b4f;--okbg:#e4f5ec;--fail:#c0271d;--failbg:#fdeae8;--warn:#9a5b00;--warnbg:#fff3dd;
        --c1:#2460c6;--c2:#0b8f7c;--c3:#8438c9;--c4:#cf6a1d;--c5:#8b97a3}
        @media (prefers-color-scheme:dark){:root{--bg:#0e1318;--card:#161d25;--ink:#e7ecf1;--soft:#9ba8b5;
        --line:#29333e;--grid:#252f3a;--ok:#41cf8f;--okbg:#12291f;--fail:#ff7468;--failbg:#331917;--warn:#f2b64d;
        --warnbg:#2f2411;--c1:#74a9ff;--c2:#40cdb5;--c3:#c190ff;--c4:#ff9c5f;--c5:#7d8a97}}
        @media print{:root{--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--grid:#ddd;--ok:#0f7b4f;
        --okbg:#fff;--fail:#c0271d;--failbg:#fff;--warn:#9a5b00;--warnbg:#fff;--c1:#2460c6;--c2:#0b8f7c;--c3:#8438c9;
        --c4:#cf6a1d;--c5:#8b97a3}figure,.card,.banner,.tile{break-inside:avoid}body{font-size:11px}details{display:none}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
        main{max-width:1080px;margin:0 auto;padding:32px 20px 64px}
        header{margin-bottom:16px}.over{margin:0;color:var(--soft);font-size:13px}
        h1{margin:2px 0 0;font-size:30px;line-height:1.2;letter-spacing:-.02em}
        h2{margin:0 0 12px;font-size:17px}h3{margin:0;font-size:15px}
        .banner{display:grid;grid-template-columns:auto 1fr;gap:2px 20px;align-items:center;padding:18px 22px;
        border-radius:12px;border-left:8px solid;margin-bottom:16px}
        .banner strong{font-size:28px;letter-spacing:-.01em}.banner p{margin:0;font-size:16px}
        .banner .aside{grid-column:2}
        .banner.ok{background:var(--okbg);border-color:var(--ok)}.banner.ok strong{color:var(--ok)}
        .banner.fail{background:var(--failbg);border-color:var(--fail)}.banner.fail strong{color:var(--fail)}
        .banner.warn{background:var(--warnbg);border-color:var(--warn)}.banner.warn strong{color:var(--warn)}
        .tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin-bottom:16px}
        .tile,.card,figure{background:var(--card);border:1px solid var(--line);border-radius:12px}
        .tile{padding:14px 16px;display:flex;flex-direction:column}
        .tile span{color:var(--soft);font-size:13px}
        .tile b{font-size:25px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
        .tile small{color:var(--soft);font-size:12.5px}.tile.bad b{color:var(--fail)}
        .card,figure{padding:18px 20px;margin:0 0 16px}
        .wide{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
        th{color:var(--soft);font-weight:500;font-size:13px;text-align:left}
        th,td{padding:6px 16px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
        tr:last-child>td,tbody tr:last-child>*,.facts tr:last-child>*{border-bottom:0}
        th:last-child,td:last-child{padding-right:0}
        .n{text-align:right;white-space:nowrap}td.ok{color:var(--ok);font-weight:650}td.fail{color:var(--fail);font-weight:650}
        .facts th{width:150px}.aside{color:var(--soft);font-size:13px;margin:8px 0 0}
        .gauge{width:30%;padding-left:20px;vertical-align:middle}.gauge div{background:var(--grid);border-radius:4px;height:8px;overflow:hidden}
        .gauge i{display:block;height:8px;border-radius:4px}.gauge .ok{background:var(--ok)}.gauge .fail{background:var(--fail)}
        .mark{display:inline-block;width:22px;height:22px;line-height:22px;border-radius:50%;text-align:center;
        font-size:13px;margin-right:8px;color:#fff}.mark.ok{background:#0f7b4f}.mark.fail{background:#c0271d}.mark.warn{background:#9a5b00}
        .pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}.pair figure{min-width:0}
        figcaption p{margin:0;color:var(--soft);font-size:13px}
        .legend{display:flex;flex-wrap:wrap;gap:2px 14px;margin:8px 0 4px}
        .legend button{all:unset;cursor:pointer;font-size:13px;color:var(--ink);display:inline-flex;align-items:center;gap:6px}
        .legend button:focus-visible{outline:2px solid var(--c1);border-radius:4px}
        .legend button.off{opacity:.4;text-decoration:line-through}
        .legend i{display:inline-block;width:18px;height:0;border-top:2px solid}
        .legend .bold{border-top-width:3px}.legend .dashed{border-top-style:dashed}.legend .faint{opacity:.7}
        .legend .area{height:10px;border:0;border-radius:2px;background:currentColor;opacity:.3}
        .c1 i,g.c1{color:var(--c1)}.c2 i,g.c2{color:var(--c2)}.c3 i,g.c3{color:var(--c3)}.c4 i,g.c4{color:var(--c4)}
        .c5 i,g.c5{color:var(--c5)}.bad i,g.bad{color:var(--fail)}
        .plot{position:relative}svg{display:block;width:100%;height:auto;overflow:visible}
        svg path{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linejoin:round;vector-effect:non-scaling-stroke}
        svg circle{fill:currentColor}svg .bold path{stroke-width:2.6}svg .faint path{opacity:.6;stroke-width:1.2}
        svg .dashed path{stroke-dasharray:5 4}svg .area path{fill:currentColor;fill-opacity:.22;stroke:none}
        svg g.off{display:none}
        .grid line{stroke:var(--grid);stroke-width:1}.grid .minor{stroke-dasharray:1 4}
        svg text{fill:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
        .rule line{stroke:var(--fail);stroke-width:1.4;stroke-dasharray:7 5}.rule text{fill:var(--fail);font-weight:600}
        .cross{stroke:var(--soft);stroke-width:1;visibility:hidden}.cross.on{visibility:visible}
        .tip{position:absolute;top:8px;pointer-events:none;background:var(--card);border:1px solid var(--line);
        border-radius:8px;padding:6px 10px;font-size:12.5px;box-shadow:0 4px 14px rgba(0,0,0,.14);white-space:nowrap;
        font-variant-numeric:tabular-nums}.tip b{display:block;color:var(--soft);font-weight:500}
        .tip span{display:flex;justify-content:space-between;gap:16px}.tip i{font-style:normal}
        details{margin-top:12px}summary{cursor:pointer;color:var(--soft)}
        pre{overflow-x:auto;background:var(--bg);padding:12px;border-radius:8px;font-size:12.5px;margin:8px 0 0}
        @media (max-width:760px){.tiles{grid-template-columns:1fr 1fr}.pair{grid-template-columns:1fr}
        .banner{grid-template-columns:1fr}.banner .aside{grid-column:1}.gauge{display:none}}
        """
}
