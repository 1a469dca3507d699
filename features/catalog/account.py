"""Features of an account itself; what it has in common with its deals is declared there."""

from __future__ import annotations

from collections.abc import Iterable

from features.catalog.activity import CHANNELS, DIALOGUE, VOLUME
from features.catalog.around import ACCOUNT_OF_DEAL, CALENDAR, NO_ORDER
from features.catalog.declaration import Feature
from features.catalog.group import ANY, FROM_ZERO, Group
from features.catalog.people import PEOPLE
from features.catalog.rhythm import RHYTHM

_NO_GAP = "there were fewer than two orders"
_NO_GAP_ABOVE_0 = "there were fewer than two orders, or all at one time"

_orders = Group("orders", actionable=False)
_rhythm = Group("rhythm", actionable=False)
_deals = Group("account", actionable=False)
_people = Group("people", actionable=True)
_volume = Group("volume", actionable=True)


def _shared(features: Iterable[Feature], *names: str) -> tuple[Feature, ...]:
    """The declarations of some features of an opportunity, in the order of the names."""
    by_name = {feature.name: feature for feature in features}
    return tuple(by_name[name] for name in names)


ORDERS: tuple[Feature, ...] = (
    *_orders.windows("orders", "count", "orders {window}", "{window}订单数",
                     over=("30d", "90d", "365d", "total")),
    _orders("order_trend_90d", "count", "orders in 90 days less those in the 90 before",
            "近 90 天订单数较前 90 天的增减", within=ANY),
    *_orders.windows("order_value", "currency", "value of the orders {window}", "{window}订单金额",
                     "Sum of the amounts of the orders {span}; 0 if there is none.",
                     over=("90d", "365d", "total")),
    _orders("order_value_trend_90d", "currency", "value of the orders in 90 days less that in the 90 before",
            "近 90 天订单金额较前 90 天的增减"),
    _orders("mean_order_value", "currency", "mean value of an order", "平均订单金额", null=NO_ORDER),
    _orders("last_order_value", "currency", "value of the last order", "最近一次订单金额", null=NO_ORDER),
    _orders("largest_order_value", "currency", "value of the largest order", "最大单笔订单金额",
            null=NO_ORDER),
    _orders("last_order_over_mean", "share", "last order over the mean order",
            "最近一次订单与平均订单金额之比", "Value of the last order over the mean value of all.",
            null="there was no order yet, or their mean value was not above 0", within=ANY),
    _rhythm("days_since_last_order", "days", "days since the last order", "距上次订单天数", null=NO_ORDER),
    _rhythm("days_since_first_order", "days", "days since the first order", "距首次订单天数", null=NO_ORDER),
    _rhythm("mean_order_gap_days", "days", "mean days between orders", "订单平均间隔天数",
            "Days from the first to the last order over their number less one.", null=_NO_GAP),
    _rhythm("last_order_gap_days", "days", "days between the last two orders", "最近两次订单间隔天数",
            null=_NO_GAP),
    _rhythm("longest_order_silence_days", "days", "days of the longest time without an order",
            "最长未下单天数", "The longest time between two neighbouring orders or since the last one.",
            null=NO_ORDER),
    _rhythm("order_gap_variation", "share", "unevenness of the gaps between orders", "订单间隔波动程度",
            "Population standard deviation of the gaps between neighbouring orders over their mean, "
            "each gap in whole seconds.",
            null="there were fewer than three orders, or all at one time", within=FROM_ZERO),
    _rhythm("silence_over_gap", "share", "days since the last order over the usual gap",
            "距上次订单天数与平均间隔之比", "Days since the last order over the mean days between orders.",
            null=_NO_GAP_ABOVE_0, within=FROM_ZERO),
    _rhythm("silence_over_longest_gap", "share", "days since the last order over the longest gap before",
            "距上次订单天数与此前最长间隔之比",
            "Days since the last order over the longest time between two neighbouring orders.",
            null=_NO_GAP_ABOVE_0, within=FROM_ZERO),
    _orders("orders_per_year", "number", "orders per year since the first", "首单以来年均订单数",
            "Orders so far over the years of 365 days since the first, which count as one year at least.",
            null=NO_ORDER),
    _orders("products_bought", "count", "products bought", "购买过的产品数",
            "Distinct products of the orders."),
    _orders("refunds_total", "count", "refunds in all", "累计退款数", "Orders with an amount below 0."),
)  # fmt: skip

DEALS: tuple[Feature, ...] = (
    _deals("open_deals", "count", "open deals", "进行中商机数",
           "Deals that were opened and not closed by then."),
    _deals("deals_won", "count", "deals won", "赢单数"),
    _deals("deals_lost", "count", "deals lost", "输单数"),
    _deals("deal_win_share", "share", "share of closed deals that were won", "赢单率",
           null="no deal was closed yet"),
    _deals("days_since_last_win", "days", "days since a deal was last won", "距上次赢单天数",
           null="no deal was won yet"),
    _deals("days_since_last_loss", "days", "days since a deal was last lost", "距上次输单天数",
           null="no deal was lost yet"),
    _deals("days_since_last_deal", "days", "days since a deal was last opened", "距上次新建商机天数",
           null="there was no deal yet"),
    _deals("deals_365d", "count", "deals opened in a year", "近一年新建商机数"),
)  # fmt: skip

KNOWN_PEOPLE: tuple[Feature, ...] = (
    _people("account_contacts_known", "count", "people known", "已知联系人数",
            "Contacts that were created by then or bear no date of creation."),
    *_shared(PEOPLE, "decision_makers_known"),
    _people("new_contacts_known_90d", "count", "people added in 90 days", "近 90 天新增联系人数",
            "Contacts whose date of creation is given and less than 90 days old."),
    *_shared(PEOPLE, "contacts_reached_90d", "contacts_reached_total"),
)  # fmt: skip

ACTIVITY: tuple[Feature, ...] = (
    *_shared(VOLUME, "activities_30d", "activities_90d", "activities_total", "activity_trend_30d"),
    _volume("appointments_90d", "count", "meetings, visits and demos in 90 days",
            "近 90 天会议、拜访与演示数"),
    *_shared(DIALOGUE, "inbound_share"),
    *_volume.windows("channels", "count", "ways of contact used {window}", "{window}使用的沟通方式数",
                     "Distinct kinds among call, email, meeting, visit, message and demo {span}.",
                     over=("90d",), within=CHANNELS),
    *_shared(RHYTHM, "days_since_last_activity", "days_since_last_inbound", "days_since_last_meeting"),
    *_shared(PEOPLE, "reps_involved"),
)  # fmt: skip

WHO: tuple[Feature, ...] = _shared(ACCOUNT_OF_DEAL, "account_tenure_days", "industry", "region")

ACCOUNT: tuple[Feature, ...] = (*ORDERS, *DEALS, *KNOWN_PEOPLE, *ACTIVITY, *WHO, *CALENDAR)
