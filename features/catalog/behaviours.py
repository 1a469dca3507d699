"""The behaviours: the groups of features that a reader sees as one reason each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from features.catalog.declaration import Behaviour

BEHAVIOURS: Mapping[str, Behaviour] = MappingProxyType(
    {
        behaviour.name: behaviour
        for behaviour in (
            Behaviour("volume", "activity volume", "活动量"),
            Behaviour("dialogue", "customer's answers", "客户回应"),
            Behaviour("rhythm", "contact rhythm", "联系节奏"),
            Behaviour("crm_use", "CRM upkeep", "CRM 记录习惯"),
            Behaviour("stage", "stage and dwell", "阶段与停留时长"),
            Behaviour("people", "people reached", "接触人员"),
            Behaviour("terms", "deal terms", "商机条款"),
            Behaviour("orders", "order history", "订单历史"),
            Behaviour("account", "account profile", "客户概况"),
            Behaviour("rep", "rep and team", "销售与团队"),
            Behaviour("lead", "lead response", "线索响应"),
            Behaviour("calendar", "calendar", "日历"),
            Behaviour("custom", "further columns", "自定义字段"),  # of `custom_feature`
        )
    }
)
