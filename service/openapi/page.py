"""The OpenAPI document as a page for people: one file, no script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from service.openapi.style import STYLE

_METHODS = ("get", "post", "put")
_PROBLEM = "application/problem+json"
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
# The page needs its own style and nothing else at all.
PAGE_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


def docs_page(document: Mapping[str, Any]) -> bytes:
    """Return the page of a document that `openapi` made; serve it as text/html with `PAGE_HEADERS`."""
    info = document["info"]
    title = escape(info["title"])
    body = [
        f"<header><h1>{title}</h1><p class=summary>{_inline(info['summary'])}</p></header>",
        f"<nav aria-label=Paths>{_contents(document)}</nav>",
        f"<main><section>{_paragraphs(info['description'])}{_try_it()}</section>",
        *(_group(document, tag) for tag in document["tags"]),
        _record(document["components"]["schemas"]["Record"]),
        _problems(document["components"]["responses"]),
        "</main>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}: API</title><style>{STYLE}</style></head><body>{''.join(body)}</body></html>"
    ).encode()


def _operations(document: Mapping[str, Any]) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method, path, methods[method]


def _contents(document: Mapping[str, Any]) -> str:
    links = "".join(
        f'<li><a href="#{operation["operationId"]}"><b class={method}>{method.upper()}</b> {escape(path)}</a>'
        for method, path, operation in _operations(document)
    )
    more = '<li><a href="#record">Fields of a record</a><li><a href="#problems">Answers that say no</a>'
    return f"<ul>{links}{more}</ul>"


def _try_it() -> str:
    return (
        "<p>The examples below run as they are, once the address is set (and the key, where one is needed: "
        "add <code>-H &quot;X-API-Key: $KEY&quot;</code>):</p><pre>URL=http://127.0.0.1:3000</pre>"
        '<p>For programs: <a href="docs.json">docs.json</a> (OpenAPI 3.1), <a href="schema">schema</a> '
        "(JSON Schema 2020-12).</p>"
    )


def _group(document: Mapping[str, Any], tag: Mapping[str, str]) -> str:
    parts = [
        _operation(document, method, path, operation)
        for method, path, operation in _operations(document)
        if tag["name"] in operation["tags"]
    ]
    return f"<section><h2>{escape(tag['description'].removesuffix('.'))}</h2>{''.join(parts)}</section>"


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    head = f"<h3><b class={method}>{method.upper()}</b> <code>{escape(path)}</code></h3>"
    scopes = [scope for needed in operation["security"] for names in needed.values() for scope in names]
    asked = f"<p class=scope>Scope of the key: <code>{escape(scopes[0])}</code></p>" if scopes else ""
    return (
        f'<article id="{escape(operation["operationId"])}">{head}'
        f"<p class=summary>{_inline(operation['summary'])}.</p>{_paragraphs(operation['description'])}{asked}"
        f"{_parameters(document, operation)}"
        f"<pre class=curl>{escape(curl(method, path, operation))}</pre>"
        f"{_answer(operation)}{_statuses(document, operation)}</article>"
    )


def curl(method: str, path: str, operation: Mapping[str, Any]) -> str:
    """Return a shell command that asks the path, with the document's example as its body; $URL is the address."""
    takes_task = any(item["$ref"].endswith("/task_id") for item in operation["parameters"])
    asked = f'"$URL{path}?task_id=$TASK"' if takes_task else f'"$URL{path}"'
    if "requestBody" not in operation:
        return f"curl {asked}" if method == "get" else f"curl -X {method.upper()} {asked}"
    content = operation["requestBody"]["content"]["application/json"]
    sent = json.dumps(content["examples"]["example"]["value"], indent=1, ensure_ascii=False)
    return f"curl {asked} -H 'content-type: application/json' -d {shlex.quote(sent)}"


def _parameters(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    names = [item["$ref"].rpartition("/")[2] for item in operation["parameters"]]
    known = document["components"]["parameters"]
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{_inline(known[name]['description'])}" for name in names
    )
    return f"<details><summary>Parameters</summary><div><table>{rows}</table></div></details>" if rows else ""


def _answer(operation: Mapping[str, Any]) -> str:
    kinds = operation["responses"]["200"]["content"]
    shown = "".join(
        f"<pre>{escape(json.dumps(example['value'], indent=1, ensure_ascii=False))}</pre>"
        for content in kinds.values()
        for example in content.get("examples", {}).values()
    )
    return f"<p>200: <code>{escape(', '.join(kinds))}</code></p>{shown}"


def _statuses(document: Mapping[str, Any], operation: Mapping[str, Any]) -> str:
    refused = {
        status: response["$ref"].rpartition("/")[2]
        for status, response in operation["responses"].items()
        if "$ref" in response
    }
    links = " · ".join(f'<a href="#{escape(name)}">{escape(status)}</a>' for status, name in refused.items())
    return f"<p>Also: {links}</p>" if links else ""


def _record(schema: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{escape(allowed(field))}"
        f"<td>{'required' if name in schema['required'] else 'optional'}<td>{_inline(field.get('description', ''))}"
        for name, field in schema["properties"].items()
    )
    head = "<tr><th>Field<th>Allowed<th><th>What it is"
    table = f"<div><table>{head}{rows}</table></div>"
    return f"<section id=record><h2>Fields of a record</h2>{table}</section>"


def allowed(field: Mapping[str, Any]) -> str:
    """Return in words what a field of the schema allows."""
    if "enum" in field:
        return "one of: " + ", ".join("null" if level is None else str(level) for level in field["enum"])
    kinds = field.get("type", "anything")
    named = [kinds] if isinstance(kinds, str) else [kind for kind in kinds if kind != "null"]
    limits = [f"{word} {field[key]:,}" for key, word in _LIMITS.items() if key in field]
    text = " ".join(part for part in (" or ".join(named), *limits, field.get("x-unit", "")) if part)
    return f"{text}, or null" if "null" in kinds else text


_LIMITS = {"minimum": "from", "maximum": "to"}


def _problems(responses: Mapping[str, Any]) -> str:
    parts = []
    for name, response in responses.items():
        example = response["content"][_PROBLEM]["examples"]["problem"]["value"]
        parts.append(
            f'<article id="{escape(name)}"><h3>{example["status"]} {escape(example["title"])}</h3>'
            f"<p>{_inline(response['description'])}</p>"
            f"<pre>{escape(json.dumps(example, indent=1, ensure_ascii=False))}</pre></article>"
        )
    return f"<section id=problems><h2>Answers that say no</h2>{''.join(parts)}</section>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    """Escape a text, with what stands between backquotes as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if odd % 2 else part for odd, part in enumerate(parts))
