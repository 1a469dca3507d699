"""What is said beside team figures, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NOTICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "en": "These figures are there to coach and to learn from each other. They rank nobody, say nothing"
        " about why, and are no ground for decisions about a person. A rep's figures are for that rep.",
        "zh-CN": "以下数据用于辅导和相互学习，不给任何人排名，不说明原因，也不得作为对个人作出决定的依据。"
        "销售的个人数据仅供其本人查看。",
    }
)


def too_small(reps: int, deals: int) -> dict[str, str]:
    """Why a group's figures are not shown."""
    return {
        "en": f"not shown: a group needs at least {reps} reps and {deals} deals,"
        " or single people could be told from it",
        "zh-CN": f"未展示：分组至少需要 {reps} 名销售和 {deals} 个商机，否则可能识别出个人",
    }
