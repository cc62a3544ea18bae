"""A page that shows what a destination emulator holds, for a person to look at."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark}body{font:14px/1.5 system-ui,sans-serif;margin:2rem}
h1{font-size:1.2rem}h2{font-size:1rem;margin-top:2rem}small{opacity:.65;font-weight:400}
div{overflow:auto;max-height:60vh;border:1px solid #8884;border-radius:6px}
table{border-collapse:collapse;white-space:nowrap}
th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid #8883}
th{position:sticky;top:0;background:Canvas}td.n{text-align:right;font-variant-numeric:tabular-nums}
"""
_SHOWN = 500


def page(title: str, tables: Sequence[Mapping[str, Any]]) -> str:
    """Give an HTML page of tables as the `tables` action describes them; the first 500 rows of each."""
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"]
    parts.append(f"<h1>{escape(title)}</h1>")
    for table in tables:
        names = [field["name"] for field in table["fields"]]
        parts.append(f"<h2>{escape(table['name'])} <small>{len(table['rows'])} rows</small></h2><div><table><tr>")
        parts += [f"<th>{escape(name)}</th>" for name in names]
        for row in table["rows"][:_SHOWN]:
            parts.append("<tr>")
            parts += [_cell(row["cells"].get(name)) for name in names]
        parts.append("</table></div>")
    return "".join(parts)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if value is None:
        return "<td></td>"
    if isinstance(value, list):
        return f"<td>{escape(', '.join(map(str, value)))}</td>"
    kind = "<td>" if isinstance(value, str) else "<td class=n>"
    return f"{kind}{escape(str(value))}</td>"
