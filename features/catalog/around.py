"""What surrounds an opportunity: its account with its orders, and the calendar."""

from __future__ import annotations

from features.catalog.activity import CHANNELS
from features.catalog.declaration import Feature
from features.catalog.group import ANY, FROM_ZERO, Group

NO_ORDER = "there was no order yet"

_orders = Group("orders", actionable=False)
_account = Group("account", actionable=False)
_calendar = Group("calendar", actionable=False)
_OF_ACCOUNT = "that name the account, or no account but a deal of it"

ORDERS_OF_ACCOUNT: tuple[Feature, ...] = (
    *_orders.windows("account_orders", "count", "the account's orders {window}", "客户{window}订单数",
                     over=("365d", "total")),
    *_orders.windows("account_order_value", "currency", "value of the account's orders {window}",
                     "客户{window}订单金额", "Sum of the amounts of the account's orders {span}; 0 if none.",
                     over=("365d", "total")),
    _orders("account_mean_order_value", "currency", "mean value of the account's orders", "客户平均订单金额",
            null=NO_ORDER),
    _orders("days_since_account_order", "days", "days since the account's last order", "距客户上次订单天数",
            null=NO_ORDER),
    _orders("account_order_gap_days", "days", "mean days between the account's orders",
            "客户订单平均间隔天数", "Days from the first to the last order over their number less one.",
            null="there were fewer than two orders"),
    _orders("account_silence_over_gap", "share", "days since the account's last order over its usual gap",
            "距客户上次订单天数与平均间隔之比",
            "Days since the account's last order over the mean days between its orders.",
            null="there were fewer than two orders, or all at one time", within=FROM_ZERO),
    _orders("amount_over_mean_order", "share", "amount over the account's mean order",
            "商机金额与客户平均订单金额之比",
            "The deal's amount over the mean value of the account's orders.",
            null="the amount was not known, or the account's mean order not above 0", within=ANY),
)  # fmt: skip

ACCOUNT_OF_DEAL: tuple[Feature, ...] = (
    _account("other_open_deals", "count", "other open deals of the account", "客户其他进行中商机数",
             "Other deals of the account that were opened and not closed by then."),
    _account("past_wins", "count", "deals won with the account", "客户历史赢单数"),
    _account("past_losses", "count", "deals lost with the account", "客户历史输单数"),
    _account("past_win_share", "share", "share of the account's closed deals that were won",
             "客户历史赢单率", null="no deal of the account was closed yet"),
    _account("days_since_past_win", "days", "days since a deal was last won with the account",
             "距客户上次赢单天数", null="no deal of the account was won yet"),
    _account("days_since_past_loss", "days", "days since a deal was last lost with the account",
             "距客户上次输单天数", null="no deal of the account was lost yet"),
    _account("account_activities_30d", "count", "activities with the account in 30 days",
             "客户名下近 30 天活动数", f"Activities of the last 30 days {_OF_ACCOUNT}.", actionable=True),
    _account("account_activities_total", "count", "activities with the account in all",
             "客户名下累计活动数", f"Activities so far {_OF_ACCOUNT}.", actionable=True),
    _account("days_since_account_activity", "days", "days since the last activity with the account",
             "距客户名下上次活动天数", f"Days since the last of the activities {_OF_ACCOUNT}.",
             null="there was no activity with the account yet", actionable=True),
    _account("account_channels_90d", "count", "ways of contact used with the account in 90 days",
             "客户名下近 90 天使用的沟通方式数",
             "Distinct kinds among call, email, meeting, visit, message and demo of the account's activities "
             "of the last 90 days.", within=CHANNELS, actionable=True),
    _account("account_tenure_days", "days", "days as an account", "建立客户关系天数",
             "Days since the account was created.", null="the account's creation was not known"),
    _account("industry", "category", "industry", "行业", "Industry of the account.",
             null="the account's industry was not known"),
    _account("region", "category", "region", "区域", "Region of the account.",
             null="the account's region was not known"),
)  # fmt: skip

CALENDAR: tuple[Feature, ...] = (
    _calendar("days_to_month_end", "days", "days to the end of the month", "距月末天数",
              "Local wall time to the next local month, in days of 24 hours.", within=(0, 31)),
    _calendar("days_to_quarter_end", "days", "days to the end of the quarter", "距季末天数",
              "Local wall time to the next local quarter, in days of 24 hours.", within=(0, 92)),
    _calendar("month_of_quarter", "index", "month within the quarter", "季度内第几个月", within=(1, 3)),
    _calendar("weekday", "index", "weekday", "星期几", "Local day of the week, 1 is Monday.", within=(1, 7)),
    _calendar("hour_of_day", "index", "hour of the day", "一天中的时刻", "Full local hours since midnight.",
              within=(0, 23)),
    _calendar("holiday", "flag", "public holiday", "法定节假日",
              "1 if the local day is one of the configured public holidays, else 0."),
    _calendar("working_days_to_quarter_end", "count", "working days to the end of the quarter",
              "距季末工作日数", "Working days after today up to the quarter's last day, in local time.",
              within=(0, 91)),
)  # fmt: skip
