"""People reached by an opportunity, its rep and team, and the lead it came from."""

from __future__ import annotations

from features.catalog.deal import NOT_OPENED
from features.catalog.declaration import Feature
from features.catalog.group import ANY, FROM_ZERO, Group
from features.tables import ROLES

_NO_CLOSED = "no such deal was closed yet"
_NO_REP = "the rep was not known"
_NO_LEAD = "no lead of the deal was known, or not its creation"

_people = Group("people", actionable=True)
_rep = Group("rep", actionable=False)
_lead = Group("lead", actionable=False)

PEOPLE: tuple[Feature, ...] = (
    *_people.windows("contacts_reached", "count", "people reached {window}", "{window}接触人数",
                     "Distinct contacts of the activities {span}."),
    _people("new_contacts_30d", "count", "people first reached in 30 days", "近 30 天新接触人数",
            "Contacts whose first activity is less than 30 days old."),
    _people("days_since_new_contact", "days", "days since somebody new was reached",
            "距上次接触新联系人天数", "Days since the latest of the contacts' first activities.",
            null="nobody was reached yet"),
    _people("contacts_known", "count", "people known at the account", "客户已知联系人数",
            "Contacts of the account that were created by then or bear no date of creation."),
    _people("decision_makers_known", "count", "decision makers known at the account", "客户已知决策人数",
            "Known contacts of the account whose role is decision_maker."),
    _people("contacts_reached_share", "share", "people reached over people known",
            "接触人数与已知联系人数之比",
            "Distinct contacts of the activities over the people known at the account.",
            null="nobody was known at the account", within=FROM_ZERO),
    _people("roles_reached", "count", "roles reached", "已接触角色数",
            "Distinct roles of the known contacts of the activities.", within=(0, len(ROLES))),
    _people("decision_makers_reached", "count", "decision makers reached", "已接触决策人数",
            "Distinct known contacts of the activities whose role is decision_maker."),
    _people("champions_reached", "count", "champions reached", "已接触内部支持者数",
            "Distinct known contacts of the activities whose role is champion."),
    _people("decision_maker_meetings", "count", "meetings, visits and demos with decision makers",
            "与决策人的会议、拜访与演示数",
            "Meetings, visits and demos with a known contact whose role is decision_maker."),
    _people("days_since_last_decision_maker", "days", "days since the last contact with a decision maker",
            "距上次接触决策人天数",
            "Days since the last activity with a known contact of role decision_maker.",
            null="no decision maker was reached yet"),
    _people("top_contact_share", "share", "share of activities with the person seen most",
            "最常联系人的活动占比",
            "Activities with the most frequent contact, over all activities with a contact.",
            null="nobody was reached yet"),
    _people("contacts_answering", "count", "people who got in touch themselves", "主动联系过我方的人数",
            "Distinct contacts of the inbound activities."),
    _people("reps_involved", "count", "colleagues involved", "参与同事数",
            "Distinct reps of the activities.", actionable=False),
)  # fmt: skip

REP: tuple[Feature, ...] = (
    _rep("rep_win_rate", "share", "win rate of the rep", "负责人赢单率",
         "Win rate of the rep's deals that were closed by then.", null=f"{_NO_REP}, or {_NO_CLOSED}"),
    _rep("team_win_rate", "share", "win rate of the team", "团队赢单率",
         "Win rate of the deals of the rep's team that were closed by then.",
         null=f"the team was not known, or {_NO_CLOSED}"),
    _rep("rep_cycle_days", "days", "mean days to a win of the rep", "负责人平均赢单周期（天）",
         "Mean days from opening to close of the rep's deals that were won by then.",
         null="the rep was not known, or had won no deal yet"),
    _rep("rep_closed_deals", "number", "closed deals of the rep", "负责人已关闭商机数", null=_NO_REP),
    _rep("rep_open_deals", "number", "open deals of the rep", "负责人进行中商机数", null=_NO_REP),
    _rep("rep_tenure_days", "days", "days the rep has been with the firm", "负责人入职天数",
         "Days since the rep was hired.", null="the rep's hiring was not known"),
    _rep("rep_prompt_recording_share", "share", "share of the rep's activities recorded within a day",
         "负责人一天内录入活动的占比",
         "The rep's activities known to the CRM at most 24 hours after they took place, over all of them.",
         null="the rep was not known, or had no activity yet", actionable=True),
    _rep("team_open_deals_per_rep", "number", "open deals per member of the team", "团队人均进行中商机数",
         null="the team was not known"),
    _rep("rep_changes", "count", "changes of the rep", "负责人变更次数",
         "Values of the deal's rep so far less the first."),
    _rep("days_with_rep", "days", "days with the present rep", "现任负责人跟进天数",
         "Days since the rep was last set, or since the deal was opened where the rep never changes.",
         null=f"the rep was not known, or {NOT_OPENED}"),
    _rep("stage_win_rate", "share", "win rate from the present stage", "当前阶段商机的赢单率",
         "Win rate of the deals closed by then that had been in the present stage.",
         null=f"no stage was known, or {_NO_CLOSED}"),
    _rep("source_win_rate", "share", "win rate of deals of this source", "同来源商机的赢单率",
         "Win rate of the deals of the same source that were closed by then.",
         null=f"the source was not known, or {_NO_CLOSED}"),
    _rep("product_win_rate", "share", "win rate of deals of this product", "同产品商机的赢单率",
         "Win rate of the deals of the same product that were closed by then.",
         null=f"the product was not known, or {_NO_CLOSED}"),
    _rep("kind_win_rate", "share", "win rate of deals of this kind", "同类型商机的赢单率",
         "Win rate of the deals of the same kind that were closed by then.",
         null=f"the kind was not known, or {_NO_CLOSED}"),
    _rep("industry_win_rate", "share", "win rate of deals in this industry", "同行业商机的赢单率",
         "Win rate of the deals of accounts of the same industry that were closed by then.",
         null=f"the industry was not known, or {_NO_CLOSED}"),
)  # fmt: skip

LEAD: tuple[Feature, ...] = (
    _lead("leads_total", "count", "leads of the deal", "商机关联线索数",
          "Leads that name this deal and were created and converted by then."),
    _lead("lead_source", "category", "source of the lead", "线索来源",
          "Source of the latest lead.", null="no lead of the deal was known, or not its source"),
    _lead("lead_response_hours", "hours", "time from the lead to its first response", "线索首次响应用时",
          "First response to the latest lead less the creation of that lead.",
          null="no lead of the deal was known, or it had no response yet", within=ANY),
    _lead("lead_age_days", "days", "days since the lead came in", "线索产生至今天数",
          "Days since the creation of the latest lead.", null=_NO_LEAD),
    _lead("lead_to_deal_days", "days", "days from the lead to the deal", "线索到商机的天数",
          "Opening of the deal less the creation of the latest lead, below 0 where the deal came first.",
          null=f"{_NO_LEAD}, or {NOT_OPENED}", within=ANY),
)  # fmt: skip
