"""Every feature: its name, unit, behaviour group, whether a rep can act on it, its wording.

The order of `OPPORTUNITY_FEATURES` and `ACCOUNT_FEATURES` is the order of the columns of a
feature frame and of a model's inputs; `feature_hash` pins it. Wording is a noun phrase to which
a value is added: "days since the last activity: 21".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

LANGUAGES = ("en", "zh-CN")
Unit = Literal["count", "days", "hours", "s", "share", "currency", "index", "category"]


@dataclass(frozen=True)
class Behaviour:
    """A group of features that a reader sees as one reason."""

    name: str
    en: str
    zh: str

    def wording(self, language: str) -> str:
        return self.zh if language == "zh-CN" else self.en


@dataclass(frozen=True)
class Feature:
    """One column of a feature frame.

    Attributes:
        name: the column's name.
        unit: of the value; "category" is text, everything else float64 with NaN for "not given".
        behaviour: name of its group in `BEHAVIOURS`.
        actionable: whether what the rep does next can change it.
        en, zh: its wording.
    """

    name: str
    unit: Unit
    behaviour: str
    actionable: bool
    en: str
    zh: str

    @property
    def is_category(self) -> bool:
        return self.unit == "category"

    def wording(self, language: str) -> str:
        return self.zh if language == "zh-CN" else self.en


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
            Behaviour("calendar", "calendar", "日历"),
        )
    }
)

OPPORTUNITY_FEATURES: tuple[Feature, ...] = (
    Feature("activities_7d", "count", "volume", True, "activities in 7 days", "近 7 天活动数"),
    Feature("activities_30d", "count", "volume", True, "activities in 30 days", "近 30 天活动数"),
    Feature("activities_total", "count", "volume", True, "activities in all", "累计活动数"),
    Feature("activity_trend_30d", "count", "volume", True,
            "activities in 30 days less those in the 30 before", "近 30 天活动数较前 30 天的增减"),
    Feature("calls_30d", "count", "volume", True, "calls in 30 days", "近 30 天电话数"),
    Feature("calls_total", "count", "volume", True, "calls in all", "累计电话数"),
    Feature("emails_30d", "count", "volume", True, "e-mails in 30 days", "近 30 天邮件数"),
    Feature("emails_total", "count", "volume", True, "e-mails in all", "累计邮件数"),
    Feature("meetings_30d", "count", "volume", True,
            "meetings, visits and demos in 30 days", "近 30 天会议、拜访与演示数"),
    Feature("meetings_total", "count", "volume", True,
            "meetings, visits and demos in all", "累计会议、拜访与演示数"),
    Feature("messages_30d", "count", "volume", True, "messages in 30 days", "近 30 天消息数"),
    Feature("messages_total", "count", "volume", True, "messages in all", "累计消息数"),
    Feature("proposals_total", "count", "volume", True, "proposals in all", "累计方案数"),
    Feature("internal_work_total", "count", "volume", True,
            "tasks and CRM updates in all", "累计任务与 CRM 更新数"),
    Feature("inbound_30d", "count", "dialogue", True,
            "contacts from the customer in 30 days", "近 30 天客户主动联系数"),
    Feature("inbound_total", "count", "dialogue", True,
            "contacts from the customer in all", "客户主动联系总数"),
    Feature("outbound_30d", "count", "dialogue", True,
            "contacts to the customer in 30 days", "近 30 天主动联系客户数"),
    Feature("inbound_share", "share", "dialogue", True,
            "share of contacts that came from the customer", "客户主动联系占比"),
    Feature("reply_share", "share", "dialogue", True, "share of e-mails replied to", "邮件回复率"),
    Feature("connected_share", "share", "dialogue", True, "share of calls that got through", "电话接通率"),
    Feature("no_show_share", "share", "dialogue", True,
            "share of meetings missed or cancelled", "会议爽约或取消率"),
    Feature("mean_duration_s", "s", "dialogue", True, "mean length of a contact", "平均沟通时长"),
    Feature("days_since_last_activity", "days", "rhythm", True,
            "days since the last activity", "距上次活动天数"),
    Feature("days_since_last_inbound", "days", "rhythm", True,
            "days since the customer was last heard from", "距客户上次联系天数"),
    Feature("days_since_last_outbound", "days", "rhythm", True,
            "days since the customer was last contacted", "距上次主动联系天数"),
    Feature("days_since_last_call", "days", "rhythm", True, "days since the last call", "距上次通话天数"),
    Feature("days_since_last_email", "days", "rhythm", True, "days since the last e-mail", "距上次邮件天数"),
    Feature("days_since_last_meeting", "days", "rhythm", True,
            "days since the last meeting, visit or demo", "距上次会议、拜访或演示天数"),
    Feature("days_since_last_message", "days", "rhythm", True,
            "days since the last message", "距上次消息天数"),
    Feature("days_since_last_internal_work", "days", "rhythm", True,
            "days since the last task or CRM update", "距上次任务或 CRM 更新天数"),
    Feature("silence_over_gap", "share", "rhythm", True,
            "days since the last activity over the usual gap", "距上次活动天数与平均间隔之比"),
    Feature("mean_gap_days", "days", "rhythm", True, "mean days between activities", "活动平均间隔天数"),
    Feature("planned_activities", "count", "rhythm", True, "activities planned ahead", "已计划的活动数"),
    Feature("recorded_within_day_share", "share", "crm_use", True,
            "share of activities recorded within a day", "一天内录入的活动占比"),
    Feature("mean_recording_delay_hours", "hours", "crm_use", True,
            "mean delay of recording", "平均录入延迟"),
    Feature("stage", "category", "stage", False, "stage", "阶段"),
    Feature("stage_position", "index", "stage", False, "position of the stage", "阶段序号"),
    Feature("stages_below_peak", "count", "stage", False,
            "stages below the furthest one reached", "较最高阶段回退的级数"),
    Feature("days_in_stage", "days", "stage", True, "days in the present stage", "当前阶段停留时长（天）"),
    Feature("days_to_reach_stage", "days", "stage", False,
            "days it took to reach the present stage", "到达当前阶段所用天数"),
    Feature("stage_moves_total", "count", "stage", False, "stage moves in all", "累计阶段变动数"),
    Feature("deal_age_days", "days", "stage", False, "days since the deal was opened", "商机已开启天数"),
    Feature("days_per_stage_move", "days", "stage", False, "days per stage move", "平均每次阶段变动天数"),
    Feature("contacts_reached_30d", "count", "people", True,
            "people reached in 30 days", "近 30 天接触人数"),
    Feature("contacts_reached_total", "count", "people", True, "people reached in all", "累计接触人数"),
    Feature("decision_makers_reached", "count", "people", True, "decision makers reached", "已接触决策人数"),
    Feature("decision_maker_meetings", "count", "people", True,
            "meetings with decision makers", "决策人会议数"),
    Feature("days_since_last_decision_maker", "days", "people", True,
            "days since the last contact with a decision maker", "距上次接触决策人天数"),
    Feature("reps_involved", "count", "people", False, "colleagues involved", "参与同事数"),
    Feature("contacts_known", "count", "people", False, "people known at the account", "客户已知联系人数"),
    Feature("amount", "currency", "terms", False, "amount", "商机金额"),
    Feature("amount_changes", "count", "terms", False, "changes of the amount", "金额变更次数"),
    Feature("amount_change_share", "share", "terms", False,
            "growth of the amount since the start", "金额较初始的增幅"),
    Feature("days_to_expected_close", "days", "terms", True,
            "days to the expected close", "距预计成交天数"),
    Feature("close_date_changes", "count", "terms", True,
            "changes of the expected close", "预计成交日变更次数"),
    Feature("close_date_shift_days", "days", "terms", True,
            "days by which the expected close was pushed", "预计成交日推迟天数"),
    Feature("kind", "category", "terms", False, "kind of deal", "商机类型"),
    Feature("source", "category", "terms", False, "source", "来源"),
    Feature("product", "category", "terms", False, "product", "产品"),
    Feature("account_orders_total", "count", "orders", False,
            "the account's orders in all", "客户累计订单数"),
    Feature("account_orders_365d", "count", "orders", False,
            "the account's orders in a year", "客户近一年订单数"),
    Feature("account_order_value_365d", "currency", "orders", False,
            "value of the account's orders in a year", "客户近一年订单金额"),
    Feature("days_since_account_order", "days", "orders", False,
            "days since the account's last order", "距客户上次订单天数"),
    Feature("account_tenure_days", "days", "account", False, "days as an account", "建立客户关系天数"),
    Feature("industry", "category", "account", False, "industry", "行业"),
    Feature("region", "category", "account", False, "region", "区域"),
    Feature("days_to_quarter_end", "days", "calendar", False, "days to the end of the quarter", "距季末天数"),
    Feature("month_of_quarter", "index", "calendar", False, "month within the quarter", "季度内第几个月"),
    Feature("weekday", "index", "calendar", False, "weekday", "星期几"),
    Feature("hour_of_day", "index", "calendar", False, "hour of the day", "一天中的时刻"),
)  # fmt: skip

ACCOUNT_FEATURES: tuple[Feature, ...] = (
    Feature("orders_total", "count", "orders", False, "orders in all", "累计订单数"),
    Feature("orders_30d", "count", "orders", False, "orders in 30 days", "近 30 天订单数"),
    Feature("orders_90d", "count", "orders", False, "orders in 90 days", "近 90 天订单数"),
    Feature("orders_365d", "count", "orders", False, "orders in a year", "近一年订单数"),
    Feature("order_trend_90d", "count", "orders", False,
            "orders in 90 days less those in the 90 before", "近 90 天订单数较前 90 天的增减"),
    Feature("order_value_total", "currency", "orders", False, "value of all orders", "累计订单金额"),
    Feature("order_value_90d", "currency", "orders", False,
            "value of the orders in 90 days", "近 90 天订单金额"),
    Feature("mean_order_value", "currency", "orders", False, "mean value of an order", "平均订单金额"),
    Feature("days_since_last_order", "days", "rhythm", True, "days since the last order", "距上次订单天数"),
    Feature("days_since_first_order", "days", "rhythm", False,
            "days since the first order", "距首次订单天数"),
    Feature("mean_order_gap_days", "days", "rhythm", False, "mean days between orders", "订单平均间隔天数"),
    Feature("silence_over_gap", "share", "rhythm", True,
            "days since the last order over the usual gap", "距上次订单天数与平均间隔之比"),
    Feature("account_contacts_known", "count", "people", True, "people known", "已知联系人数"),
    Feature("account_tenure_days", "days", "account", False, "days as an account", "建立客户关系天数"),
    Feature("industry", "category", "account", False, "industry", "行业"),
    Feature("region", "category", "account", False, "region", "区域"),
    Feature("days_to_quarter_end", "days", "calendar", False, "days to the end of the quarter", "距季末天数"),
    Feature("month_of_quarter", "index", "calendar", False, "month within the quarter", "季度内第几个月"),
    Feature("weekday", "index", "calendar", False, "weekday", "星期几"),
    Feature("hour_of_day", "index", "calendar", False, "hour of the day", "一天中的时刻"),
)  # fmt: skip

FEATURES: Mapping[str, tuple[Feature, ...]] = MappingProxyType(
    {"opportunity": OPPORTUNITY_FEATURES, "account": ACCOUNT_FEATURES}
)

# Of these each value stands for one date within a year, so that a short history cannot teach them.
SEASONAL = ("days_to_quarter_end", "month_of_quarter")


def feature_hash(features: Sequence[Feature]) -> str:
    """Hex digest of the names and units in order: equal exactly where the columns mean the same.

    >>> feature_hash(OPPORTUNITY_FEATURES[:2]) == feature_hash(OPPORTUNITY_FEATURES[1::-1])
    False
    """
    text = "\n".join(f"{feature.name}:{feature.unit}" for feature in features)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
