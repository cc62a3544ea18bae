"""What a search looks into: the texts of a transaction as one, without regard to case and accents."""

import re
import unicodedata
from typing import Final

_ACCENTS: Final = re.compile("[\u0300-\u036f]+")  # what NFKD parts from its letter
# An index entry on Postgres holds 2,704 bytes: https://www.postgresql.org/docs/current/btree.html
LONGEST: Final = 500  # characters


def fold(text: str) -> str:
    """Give a text without case and accents: “CAFÉ” and “cafe” are the same word."""
    if text.isascii():
        return text.lower()
    return _ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())


def needle(*texts: str | None) -> str:
    """Join texts for searching; one that stands in those before it is left out."""
    joined = ""
    for text in texts:
        if text and (small := text.lower()) not in joined:
            joined = f"{joined}\n{small}" if joined else small
    return fold(joined)[:LONGEST]
