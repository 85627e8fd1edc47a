"""Generate malformed findings: examples with parts replaced by arbitrary JSON."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests import examples

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "<!channel> <@U012AB3CD> <https://example.com|click>",
            "see https://example.com/a\r\n\r\nhttps://example.org and www.example.net",
            "`code` *bold* _it_ ~no~ [text](http://example.com) &lt;!here&gt;",
            "right\u202eto left\u2066 \u200bzero \ufeff\x1b[31mred\x00",
            "\ud800 \ufffe \uffff \U000e0041",
            "2026-13-45T99:99:99Z",
            "0001-01-01T00:00:00+14:00",
            "999.1.1.1",
            "fe80::1%eth0",
            "9" * 400,
            "é" * 3_000,
        ]
    ),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an example event with one to six parts of its detail replaced by arbitrary JSON."""
    event = examples.event(draw(st.sampled_from(examples.names())))
    for _ in range(draw(st.integers(1, 6))):
        holder, key = event["detail"], draw(st.sampled_from(sorted(event["detail"])))
        while isinstance(holder[key], (dict, list)) and holder[key] and draw(st.integers(0, 9)):
            holder = holder[key]
            keys = range(len(holder)) if isinstance(holder, list) else sorted(holder)
            key = draw(st.sampled_from(keys))
        holder[key] = draw(JSON)
    if not isinstance(event["detail"].get("type"), str):
        event["detail"]["type"] = draw(TEXTS)
    return event
