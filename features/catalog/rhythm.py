"""Contact rhythm and CRM upkeep of an opportunity."""

from __future__ import annotations

from features.catalog.activity import NO_ACTIVITY
from features.catalog.declaration import Feature
from features.catalog.group import ANY, FROM_ZERO, Group

_NO_GAP = "there were fewer than two activities"
_NO_GAP_ABOVE_0 = "there were fewer than two activities, or all at one time"
_NO_ANSWER = "no contact from the customer was answered yet"

_rhythm = Group("rhythm", actionable=True)
_crm_use = Group("crm_use", actionable=True)


def _since(name: str, en: str, zh: str, *, nothing: str, definition: str = "") -> Feature:
    return _rhythm(f"days_since_last_{name}", "days", f"days since {en}", zh, definition,
                   null=f"there was no {nothing} yet")  # fmt: skip


RHYTHM: tuple[Feature, ...] = (
    _since("activity", "the last activity", "距上次活动天数", nothing="activity"),
    _since("inbound", "the customer was last heard from", "距客户上次主动联系天数",
           nothing="contact from the customer", definition="Days since the last inbound activity."),
    _since("outbound", "the customer was last contacted", "距上次主动联系客户天数",
           nothing="contact to the customer", definition="Days since the last outbound activity."),
    _since("call", "the last call", "距上次通话天数", nothing="call"),
    _since("email", "the last e-mail", "距上次邮件天数", nothing="e-mail"),
    _since("meeting", "the last meeting, visit or demo", "距上次会议、拜访或演示天数",
           nothing="meeting, visit or demo"),
    _since("message", "the last message", "距上次消息天数", nothing="message"),
    _since("demo", "the last demo", "距上次演示天数", nothing="demo"),
    _since("proposal", "the last proposal", "距上次提交方案天数", nothing="proposal"),
    _since("internal_work", "the last task, CRM update or other internal work", "距上次内部工作天数",
           nothing="internal work", definition="Days since the last task, crm_update or other."),
    _since("connected", "a call last got through", "距上次电话接通天数", nothing="call that got through",
           definition="Days since the last activity of any kind with outcome connected."),
    _since("held", "an appointment last took place", "距上次实际约见天数",
           nothing="appointment that took place",
           definition="Days since the last activity of any kind with outcome held."),
    _rhythm("first_activity_delay_days", "days", "days from the deal's opening to its first activity",
            "商机创建到首次活动天数",
            "The first activity less the opening of the deal, below 0 where it came earlier.",
            null="there was no activity, or the deal was not opened yet", within=ANY, actionable=False),
    _rhythm("mean_gap_days", "days", "mean days between activities", "活动平均间隔天数",
            "Days from the first to the last activity over their number less one.", null=_NO_GAP),
    _rhythm("last_gap_days", "days", "days between the last two activities", "最近两次活动间隔天数",
            null=_NO_GAP),
    _rhythm("longest_silence_days", "days", "days of the longest silence", "最长无活动天数",
            "The longest time between two neighbouring activities or since the last one.", null=NO_ACTIVITY),
    _rhythm("gap_variation", "share", "unevenness of the gaps between activities", "活动间隔波动程度",
            "Population standard deviation of the gaps between neighbouring activities over their mean, "
            "each gap in whole seconds.",
            null="there were fewer than three activities, or all at one time", within=FROM_ZERO),
    _rhythm("silence_over_gap", "share", "days since the last activity over the usual gap",
            "距上次活动天数与平均间隔之比",
            "Days since the last activity over the mean days between activities.",
            null=_NO_GAP_ABOVE_0, within=FROM_ZERO),
    _rhythm("silence_over_longest_gap", "share", "days since the last activity over the longest gap before",
            "距上次活动天数与此前最长间隔之比",
            "Days since the last activity over the longest time between two neighbouring activities.",
            null=_NO_GAP_ABOVE_0, within=FROM_ZERO),
    _rhythm("mean_response_hours", "hours", "mean time to answer the customer", "回复客户的平均用时",
            "An inbound activity starts a wait unless one is running, an outbound one ends it: the mean of "
            "the waits that ended.",
            null=_NO_ANSWER),
    _rhythm("last_response_hours", "hours", "latest time to answer the customer", "最近一次回复客户用时",
            "The latest of the waits whose mean is `mean_response_hours`.", null=_NO_ANSWER),
    _rhythm("slowest_response_hours", "hours", "longest time to answer the customer", "回复客户的最长用时",
            "The longest of the waits whose mean is `mean_response_hours`.", null=_NO_ANSWER),
    _rhythm("unanswered_hours", "hours", "time the customer has been waiting for an answer",
            "客户等待回复的时长", "Time since the earliest inbound activity that no outbound one came after.",
            null="nothing was waiting for an answer"),
    _rhythm("prompt_response_share", "share", "share of the customer's contacts answered within a day",
            "24 小时内回复客户的占比",
            "Answers within 24 hours over all answers, and over one more where a contact has waited longer.",
            null="nothing was answered, or had been waiting for more than a day"),
    _rhythm("mean_customer_response_hours", "hours", "mean time the customer takes to answer",
            "客户回复的平均用时",
            "An outbound activity starts a wait unless one is running, an inbound one ends it: the mean of "
            "the waits that ended.",
            null="the customer had answered nothing yet"),
    _rhythm("days_to_next_activity", "days", "days to the next planned activity", "距下次计划活动天数",
            null="no activity was planned ahead"),
)  # fmt: skip

CRM_USE: tuple[Feature, ...] = (
    _crm_use("recorded_within_day_share", "share", "share of activities recorded within a day",
             "一天内录入的活动占比",
             "Activities known to the CRM at most 24 hours after they took place, over all activities.",
             null=NO_ACTIVITY),
    _crm_use("mean_recording_delay_hours", "hours", "mean delay of recording", "平均录入延迟",
             "Mean time from an activity to its record; 0 for one that was recorded ahead.",
             null=NO_ACTIVITY),
    _crm_use("last_recording_delay_hours", "hours", "delay of recording the last activity",
             "最近一次活动的录入延迟",
             "Time from the last activity to its record; 0 if it was recorded ahead.", null=NO_ACTIVITY),
    *_crm_use.windows("edits", "count", "edits of the deal's fields {window}", "{window}商机字段修改数",
                      "Changes of any field {span}, first values included.", over=("30d", "total")),
    _crm_use("days_since_last_edit", "days", "days since the deal's fields were last edited",
             "距上次修改商机字段天数", null="no field was edited yet"),
    _crm_use("fields_filled_share", "share", "share of the deal's main fields filled in",
             "商机主要字段填写率",
             "Share of amount, expected close, kind, source and product that is given now."),
    _crm_use("overdue_steps", "count", "planned steps past their date that await a result",
             "已到期、待填写结果的计划步骤数",
             "Tasks, calls, meetings, visits and demos once planned ahead that are due and have no outcome."),
    _crm_use("oldest_overdue_step_days", "days", "days that the oldest planned step has awaited a result",
             "最早到期计划步骤待填写结果的天数", "Days since the earliest of the overdue steps.",
             null="no planned step was overdue"),
)  # fmt: skip
