"""How the page of the OpenAPI document looks: from 320 pixels to paper, by day and by night."""

STYLE = """
:root{color-scheme:light dark;--ink:#1b2430;--soft:#566274;--line:#d9dee6;--ground:#fff;--code:#f4f6f9;--link:#0b5cad}
@media(prefers-color-scheme:dark){
:root{--ink:#e6eaf0;--soft:#a3afc0;--line:#37414f;--ground:#14181f;--code:#1e242d;--link:#7db7f5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;color:var(--ink);background:var(--ground);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.8rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.3rem;margin:2.5rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
h3{font-size:1.05rem;margin:0 0 .3rem}
article{padding:1.1rem 0;border-bottom:1px solid var(--line)}
p{margin:.4rem 0;max-width:46rem}
.summary{color:var(--soft)}
.scope{font-size:.9rem}
a{color:var(--link)}
a:focus-visible,summary:focus-visible{outline:3px solid var(--link);outline-offset:2px}
code,pre{font:.875rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
code{background:var(--code);padding:.1em .3em;border-radius:.25em}
h3 code{font-size:1rem;background:none;padding:0}
pre{background:var(--code);padding:.8rem 1rem;border-radius:.4rem;margin:.6rem 0;white-space:pre-wrap}
pre.curl{border-left:4px solid var(--link)}
b.get,b.post,b.put{font:700 .75rem/1 ui-monospace,Menlo,Consolas,monospace;
padding:.2em .45em;border-radius:.3em;color:#fff}
b.get{background:#276749}
b.post{background:#0b4f94}
b.put{background:#8a4b08}
nav ul{list-style:none;margin:0;padding:0}
nav li{margin:.35rem 0}
nav a{text-decoration:none}
nav a:hover{text-decoration:underline}
details{margin:.5rem 0}
summary{cursor:pointer}
details div,section>div{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .7rem .4rem 0;border-bottom:1px solid var(--line)}
td:first-child{white-space:nowrap}
:target{scroll-margin-top:1rem}
@media(min-width:62rem){
body{display:grid;grid-template-columns:17rem minmax(0,1fr);column-gap:2.5rem}
header{grid-column:1/-1}
nav{position:sticky;top:1rem;align-self:start;max-height:calc(100vh - 2rem);overflow-y:auto;font-size:.9rem}}
@media(max-width:40rem){#record table,#record tbody{display:block}#record tr{display:block;padding:.5rem 0}
#record th{display:none}#record td{display:inline;border:0;padding:0 .4rem 0 0}
#record td:first-child,#record td:last-child{display:block}#record td:nth-child(3){color:var(--soft)}}
@media print{nav{display:none}body{display:block;max-width:none}article{break-inside:avoid}}
"""
