"""Assemble a page that is one file: style, script and data inside it, and no request to anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).resolve().parent / "assets"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
{scripts}</body>
</html>
"""


def asset(*names: str) -> str:
    """Return the text of asset files, joined."""
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def document(title: str, *, style: str, body: str, script: str = "", data: Any = None) -> str:
    """Return the page as HTML text.

    title is escaped, data is embedded so that no text in it can end the script element; body and style are
    HTML and CSS of ours. The content security policy allows this style and this script by hash, nothing else.
    """
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:"
    policy += f"; style-src '{_source(style)}'"
    scripts = ""
    if script:
        policy += f"; script-src '{_source(script)}'"
        scripts = (
            f'<script type="application/json" id="data">{json_for_html(data)}</script>\n'
            f"<script>{script}</script>\n"
        )
    return _PAGE.format(policy=policy, title=escape(title), style=style, body=body, scripts=scripts)


def json_for_html(data: Any) -> str:
    """Return JSON in ASCII that holds no character with a meaning in HTML, U+2028 and surrogates included."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
