"""Whether any of thousands of texts begins or ends with a blank, without a look at each by itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from features.compiled import compiled
from features.times import IntArray

_BREAK = 10  # stands between two texts; within one it makes two of it, of which at worst one is suspected


@compiled()
def _begins(text: IntArray, at: int) -> bool:
    """Whether the letter that begins here may be a blank: one of ASCII, or of a lead that has some."""
    first = text[at]
    return bool(
        first == 32 or 9 <= first <= 13 or 28 <= first <= 31 or first == 0xC2 or 0xE1 <= first <= 0xE3
    )


@compiled()
def _ends(text: IntArray, at: int) -> bool:
    """Whether the letter that ends here may be one."""
    if text[at] < 0x80:
        return _begins(text, at)
    lead = at
    while lead > 0 and 0x80 <= text[lead] < 0xC0:
        lead -= 1
    return _begins(text, lead)


@compiled("boolean(uint8[::1])")
def _suspected(text: IntArray) -> bool:
    for at in range(1, len(text) - 1):
        if text[at] == _BREAK and (_ends(text, at - 1) or _begins(text, at + 1)):
            return True
    return False


def may_have_outer_blanks(texts: Iterable[str]) -> bool:
    """False where none of some texts, which are not empty, begins or ends with what `str.strip` takes away.

    >>> may_have_outer_blanks(["a", "b c", "客户"]), may_have_outer_blanks(["a", "b "])
    (False, True)
    """
    joined = "\n".join(["x", *texts, "x"]).encode("utf-8", "surrogatepass")
    return bool(_suspected(np.frombuffer(bytearray(joined), np.uint8)))
