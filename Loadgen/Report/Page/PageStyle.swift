/// The page's style sheet.
///
/// Colours of lines follow Okabe and Ito's set for colour-blind readers, darkened for paper and lightened for the dark
/// page; lines differ in dash or weight as well.
enum PageStyle {
    static let css = """
        :root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a222c;--soft:#566373;--line:#dfe4ea;
        --grid:#e6eaef;
        --shade:#f0f3f7;--ok:#0a7048;--okbg:#e6f4ec;--bad:#b3261e;--badbg:#fcebe9;--warn:#8a5200;--warnbg:#fff4e0;
        --c1:#1f62b0;--c2:#c2500a;--c3:#00795a;--c4:#8a3f8f;--c5:#8f6a00;--c6:#20768f;--softline:#8794a3;
        --h1:#dbe8f6;--h2:#b5d0ec;--h3:#86b2de;--h4:#558fcb;--h5:#2f6db3;--h6:#174f92;--h7:#08306b}
        @media (prefers-color-scheme:dark){:root{--bg:#0f141a;--card:#171e26;--ink:#e8edf2;--soft:#a3afbc;
        --line:#2b3541;
        --grid:#27313c;--shade:#1c2530;--ok:#52d199;--okbg:#13291f;--bad:#ff8a7d;--badbg:#341a18;--warn:#f3bd5c;
        --warnbg:#2e2412;--c1:#7db4f5;--c2:#ff9d5c;--c3:#4fd1a5;--c4:#d99be0;--c5:#e3c04a;--c6:#66cbe6;
        --softline:#7d8a98;
        --h1:#16283d;--h2:#1a3a5c;--h3:#1f5080;--h4:#2a6ca8;--h5:#4b92d0;--h6:#86bcec;--h7:#d6eaff}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);overflow-wrap:break-word;
        font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
        main{max-width:1160px;margin:0 auto;padding:32px 24px 72px}
        header{margin-bottom:18px}.over{margin:0;color:var(--soft);font-size:13px;letter-spacing:.02em}
        h1{margin:0 0 4px;font-size:32px;line-height:1.2;letter-spacing:-.02em;overflow-wrap:anywhere}
        h2{margin:0 0 10px;font-size:21px;letter-spacing:-.01em}
        h3{margin:0 0 4px;font-size:15.5px;overflow-wrap:anywhere}
        .meta{margin:0;color:var(--soft);font-size:13.5px}
        .meta span{display:inline-block;margin-right:18px;overflow-wrap:anywhere}
        .note{margin:0 0 12px;color:var(--soft);font-size:14px;max-width:75ch}
        main>section{margin:0 0 40px;scroll-margin-top:12px}
        main>section.tiles,main>section.banner,main>#thresholds{margin-bottom:14px}
        .banner{display:grid;grid-template-columns:auto 1fr;gap:6px 24px;align-items:baseline;padding:20px 24px;
        border-radius:12px;border:1px solid;border-left-width:10px}
        .banner strong{font-size:30px;line-height:1.15;letter-spacing:-.015em}
        .banner p{margin:0;font-size:17px;line-height:1.45;overflow-wrap:anywhere}
        .banner .promise{font-size:14px;color:var(--soft);margin-top:6px}
        .banner.ok{background:var(--okbg);border-color:var(--ok)}
        .banner.ok strong,td.ok,span.ok,.gauge .ok{color:var(--ok)}
        .banner.bad{background:var(--badbg);border-color:var(--bad)}
        .banner.bad strong,td.bad,span.bad,.gauge .bad{color:var(--bad)}
        .banner.warn{background:var(--warnbg);border-color:var(--warn)}.banner.warn strong,span.warn{color:var(--warn)}
        .tiles{display:grid;grid-template-columns:repeat(4,minmax(0,1fr));gap:12px}
        .tile,.card,figure{background:var(--card);border:1px solid var(--line);border-radius:12px}
        .tile{padding:13px 16px;display:flex;flex-direction:column;color:var(--ink)}
        .tile span{color:var(--soft);font-size:13px}.tile b{font-size:25px;line-height:1.3;font-weight:650;
        font-variant-numeric:tabular-nums;letter-spacing:-.01em}.tile small{color:var(--soft);font-size:13px}
        .tile.bad{border-color:var(--bad)}.tile.bad b{color:var(--bad)}
        .card,figure{padding:18px 20px;margin:0 0 14px;min-width:0}#thresholds h2{font-size:16px}
        nav{display:flex;flex-wrap:wrap;gap:6px 8px;margin:0 0 34px}
        nav a{color:var(--ink);text-decoration:none;font-size:13.5px;
        padding:4px 11px;border:1px solid var(--line);border-radius:999px;background:var(--card)}
        nav a:hover{border-color:var(--c1)}
        a:focus-visible,button:focus-visible,summary:focus-visible{outline:2px solid var(--c1);outline-offset:2px;
        border-radius:4px}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
        caption{text-align:left;color:var(--soft);font-size:13px;padding:4px 0}
        th{color:var(--soft);font-weight:500;font-size:13px;text-align:left;vertical-align:bottom}
        th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:break-word}
        td:not(.n):not(.mark):not(.gauge){overflow-wrap:anywhere;min-width:7.5em}.wide td:not(.n){min-width:0}
        th.n,td.n{text-align:right}td.n{white-space:nowrap}th:last-child,td:last-child{padding-right:0}
        tbody tr:last-child>*,.facts tr:last-child>*{border-bottom:0}
        td.ok,td.bad{font-weight:600}td.mark{width:26px;font-weight:700;white-space:nowrap}
        .word{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.facts{margin-top:10px}
        .facts th{width:170px;vertical-align:top}
        td.gauge{width:26%;padding-left:22px;vertical-align:middle}
        .gauge div{background:var(--grid);border-radius:4px;height:8px;overflow:hidden}
        .gauge i{display:block;height:8px;border-radius:4px;background:currentColor}

        .wide th,.wide td{font-size:12px;padding:5px 7px 5px 0;overflow-wrap:normal}.wide td{white-space:nowrap}
        .wide{overflow-x:auto}
        .badge{display:inline-block;width:20px;height:20px;border-radius:50%;text-align:center;font-size:12px;
        margin-right:8px;
        border:1.5px solid;line-height:17px}
        .pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 14px}
        figcaption p{margin:0;color:var(--soft);font-size:13px}
        .legend,.keys{display:flex;flex-wrap:wrap;gap:2px 16px;margin:8px 0 4px;font-size:13px}
        .legend button{all:unset;cursor:pointer;display:inline-flex;align-items:center;gap:6px;color:var(--ink)}
        .legend button.off{opacity:.45;text-decoration:line-through}
        .legend i{display:inline-block;width:20px;height:0;border-top:2px solid}.legend .bold{border-top-width:3.5px}
        .legend .dashed{border-top-style:dashed}.legend .dotted{border-top-style:dotted;border-top-width:3px}
        .legend .area,.legend [class^=band]{height:11px;border:0;border-radius:2px;background:currentColor}
        .legend .area{opacity:.3}.legend .band1{opacity:.55}.legend .band2{opacity:.38}.legend .band3{opacity:.24}
        .legend .band4{opacity:.12}
        .c1 i,g.c1{color:var(--c1)}.c2 i,g.c2{color:var(--c2)}.c3 i,g.c3{color:var(--c3)}.c4 i,g.c4{color:var(--c4)}
        .c5 i,g.c5{color:var(--c5)}.c6 i,g.c6{color:var(--c6)}.legend .bad i,g.bad{color:var(--bad)}
        .soft i,g.soft{color:var(--softline)}
        .plot{padding:4px 10px 0 62px}.plot.two{padding-right:62px}
        .frame{position:relative;height:230px;margin-bottom:22px;touch-action:pan-y}
        .frame.tall{height:330px}.frame svg{display:block;width:100%;height:100%;overflow:hidden;
        border-bottom:1px solid var(--softline)}
        svg path{fill:none;stroke:currentColor;stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round;
        vector-effect:non-scaling-stroke}
        .bold path{stroke-width:2.4}.faint path{opacity:.6;stroke-width:1}
        .dashed path{stroke-dasharray:6 5;stroke-width:1.9}
        .dotted path{stroke-dasharray:.1 5;stroke-width:2.8}
        .area path,[class*=band] path,.heat path{stroke:none;fill:currentColor}
        .area path{fill-opacity:.22}.band1 path{fill-opacity:.5}.band2 path{fill-opacity:.34}
        .band3 path{fill-opacity:.21}.band4 path{fill-opacity:.1}
        .heat .h1{color:var(--h1)}.heat .h2{color:var(--h2)}.heat .h3{color:var(--h3)}.heat .h4{color:var(--h4)}
        .heat .h5{color:var(--h5)}
        .heat .h6{color:var(--h6)}.heat .h7{color:var(--h7)}g.off{display:none}.bands rect{fill:var(--shade)}
        svg .grid{stroke:var(--grid);stroke-width:1}svg .minor{stroke-dasharray:1 4}
        svg .rule{stroke:var(--bad);stroke-dasharray:7 5}
        svg .marker{stroke:var(--c4);stroke-dasharray:2 3}svg .cross{stroke:var(--soft);stroke-width:1}
        .frame>span{position:absolute;font-size:12px;line-height:1;color:var(--soft);white-space:nowrap;
        font-variant-numeric:tabular-nums;pointer-events:none}
        .frame>.y{right:100%;padding-right:8px;transform:translateY(-50%)}
        .frame>.y2{left:100%;padding-left:8px;transform:translateY(-50%)}
        .frame>.axisname{left:100%;bottom:100%;transform:translateX(-50%);padding-bottom:6px}
        .frame>.x{top:100%;padding-top:7px;transform:translateX(-50%)}
        .frame>.rulename{right:4px;transform:translateY(-125%);color:var(--bad);font-weight:600;background:var(--card);
        padding:1px 4px;border-radius:3px}
        .frame>.markname{top:4px;padding-left:3px;color:var(--c4);font-weight:600}
        .frame>.zoomed{background:var(--card)}.xlabel{font-size:12px;color:var(--soft);text-align:center;
        margin-top:-2px}
        .lanes{margin-bottom:4px;font-size:11px;line-height:15px}
        .lanes div{position:relative;height:15px;margin-bottom:2px}
        .lanes span{position:absolute;top:0;height:15px;background:var(--grid);color:var(--soft);text-align:center;
        border-left:2px solid var(--card);min-width:12px}
        .phases{list-style:none;display:flex;flex-wrap:wrap;gap:2px 20px;margin:0 0 14px;padding:0;font-size:13.5px}
        .phases span{color:var(--soft)}
        .tip{position:absolute;top:6px;z-index:2;pointer-events:none;background:var(--card);
        border:1px solid var(--line);border-radius:8px;
        padding:6px 10px;font-size:12.5px;line-height:1.45;box-shadow:0 4px 14px rgba(0,0,0,.16);white-space:nowrap;
        font-variant-numeric:tabular-nums}
        .tip b{display:block;color:var(--soft);font-weight:500}
        .tip span{display:flex;justify-content:space-between;gap:16px}.tip i{font-style:normal}
        .brush{position:absolute;top:0;bottom:0;background:var(--c1);opacity:.16;pointer-events:none}
        .reset{all:unset;cursor:pointer;position:absolute;top:6px;right:6px;z-index:3;font-size:12.5px;padding:2px 9px;
        border-radius:999px;
        background:var(--card);border:1px solid var(--c1);color:var(--ink)}
        details{margin-top:8px;font-size:13px}summary{cursor:pointer;color:var(--soft)}
        details.data table{margin-top:6px;font-size:13px}
        pre{overflow-x:auto;background:var(--bg);padding:12px;border-radius:8px;font-size:12.5px;margin:8px 0 0;
        white-space:pre-wrap;overflow-wrap:anywhere}
        .keys i{display:inline-block;width:12px;height:12px;border-radius:2px;margin-right:6px;vertical-align:-1px}
        .keys{margin:0 0 12px}
        .slowest ol{margin:0;padding:0 0 0 26px}.slowest li{margin:0 0 12px;padding-left:4px}
        .slowest li::marker{color:var(--soft);font-size:13px}
        .slowest p{margin:0}.slowest p span{color:var(--soft);font-size:13.5px;margin-left:6px}
        .slowest .fine{font-size:12.5px;color:var(--soft);overflow-wrap:anywhere}
        .bar{display:flex;height:14px;margin:3px 0;min-width:6px;border-radius:3px;overflow:hidden}
        .bar i{display:block;height:100%}
        .slag{background:var(--softline)}.selse{background:repeating-linear-gradient(135deg,var(--grid) 0 4px,
        var(--softline) 4px 5px)}
        .s0{background:var(--soft)}.s1{background:var(--c1)}.s2{background:var(--c2)}.s3{background:var(--c3)}
        .s4{background:var(--c4)}.s5{background:var(--c5)}
        .s6{background:var(--c6)}.s7{background:var(--h3)}.s8{background:var(--bad)}
        code{font:12px/1.4 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
        @media screen and (max-width:1240px){.wide th,.wide td{font-size:11px;padding-right:5px}}
        @media (max-width:860px){.pair{grid-template-columns:minmax(0,1fr)}
        .tiles{grid-template-columns:repeat(2,minmax(0,1fr))}}
        @media (max-width:700px){main{padding:20px 14px 48px}h1{font-size:26px}
        .banner{grid-template-columns:minmax(0,1fr);padding:16px 18px}
        .banner p{font-size:16px}.card,figure{padding:14px}.tile{padding:11px 13px}.tile b{font-size:22px}
        .plot{padding-left:54px;padding-right:6px}
        .plot.two{padding-right:46px}.frame>.odd{display:none}.frame.tall{height:270px}}
        @media screen and (max-width:900px){
        .stack thead{display:none}.stack,.stack tbody,.stack tr,.stack td{display:block;width:auto}
        .stack tr{border-bottom:1px solid var(--line);padding:7px 0}
        .stack tbody tr:last-child{border-bottom:0}
        .stack td,.wide td{border:0;padding:1px 0;display:flex;justify-content:space-between;gap:14px;text-align:right;
        font-size:14px}
        .stack td::before{content:attr(data-label);color:var(--soft);text-align:left;flex:none;max-width:55%}
        .stack td:first-child{font-weight:600}
        .stack td:not([data-label])::before{content:none}.stack td.gauge{display:none}
        .word{position:static;width:auto;height:auto;clip-path:none}
        .stack tr{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);column-gap:22px}
        .stack td:first-child,.stack td:not(.n){grid-column:1/-1}
        .stack td.n:last-child:nth-child(even){grid-column:auto}.stack td.bad.n{grid-column:auto}
        td.n{white-space:normal}.facts th{width:110px}}
        @media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--grid:#ddd;
        --shade:#f3f3f3;--ok:#0a7048;--okbg:#fff;--bad:#b3261e;--badbg:#fff;--warn:#8a5200;--warnbg:#fff;--c1:#1f62b0;
        --c2:#c2500a;--c3:#00795a;--c4:#8a3f8f;--c5:#8f6a00;--c6:#20768f;--softline:#8794a3;--h1:#dbe8f6;--h2:#b5d0ec;
        --h3:#86b2de;--h4:#558fcb;--h5:#2f6db3;--h6:#174f92;--h7:#08306b}
        body{font-size:11px}nav,details.data{display:none}main{max-width:none;padding:0}h1{font-size:24px}h2{font-size:16px}
        .tiles{grid-template-columns:repeat(4,minmax(0,1fr));gap:8px}.tile{padding:8px 10px}.tile b{font-size:18px}
        .tile span,.tile small,.note,figcaption p{font-size:10.5px}.banner strong{font-size:22px}.banner p{font-size:13px}
        .banner .promise{font-size:11px}.pair{grid-template-columns:repeat(2,minmax(0,1fr))}main>section{margin-bottom:20px}
        table,th,td{font-size:10px}th,td{padding:3px 8px 3px 0}.wide th,.wide td{font-size:7.5px;padding:3px 4px 3px 0}
        .card,figure{padding:10px 12px}.frame{height:170px}.frame.tall{height:230px}.plot{padding-left:54px}
        figure,.card:not(.slowest),.banner,.tile,tr,.slowest li{break-inside:avoid}h2,h3,.note{break-after:avoid}
        *{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
        """
}
