"""Write HTML elements: every text and attribute is escaped here, so that no caller has to."""

from __future__ import annotations

from html import escape
from typing import NewType

#: HTML that is complete and safe; everything else is text.
Markup = NewType("Markup", str)
#: A child of an element: HTML as it is, text and numbers escaped.
Child = Markup | str | int

_EMPTY = ("rect", "col")


def tag(_name: str, *children: Markup | list[Markup], **attributes: str | float) -> Markup:
    """Return one element; a trailing underscore of an attribute's name is dropped, others become hyphens."""
    parts = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value), quote=True)}"'
        for key, value in attributes.items()
    )
    if _name in _EMPTY:
        return Markup(f"<{_name}{parts}/>")
    inner = "".join(child if isinstance(child, str) else "".join(child) for child in children)
    return Markup(f"<{_name}{parts}>{inner}</{_name}>")


def text(value: str | float) -> Markup:
    """Return text as HTML; a whole number is written with separators."""
    return Markup(escape(f"{value:,}" if isinstance(value, (int, float)) else value, quote=True))


def join(*parts: Markup) -> Markup:
    """Return parts of HTML, one after another."""
    return Markup("".join(parts))


def table(
    heads: list[str], rows: list[list[Markup]], *, caption: str, numbers: set[int], style: str = ""
) -> Markup:
    """Return a table; numbers: the columns that are aligned to the right; style: a class of the table."""
    align = ["number" if place in numbers else "words" for place in range(len(heads))]
    return tag(
        "div",
        tag(
            "table",
            tag("caption", text(caption)),
            tag(
                "thead",
                tag(
                    "tr",
                    [
                        tag("th", text(head), scope="col", class_=align[place])
                        for place, head in enumerate(heads)
                    ],
                ),
            ),
            tag(
                "tbody",
                [
                    tag("tr", [tag("td", cell, class_=align[place]) for place, cell in enumerate(row)])
                    for row in rows
                ],
            ),
            class_=style,
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )
