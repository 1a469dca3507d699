"""Words of the alerts."""

from __future__ import annotations

TEXTS = {
    "alerts.title": ("Alerts", "提醒"),
    "alerts.lead": (
        "Open deals that need a look, by rules that were tried on your own past.",
        "需要关注的未关闭商机，规则均在贵司历史数据上检验过。",
    ),
    "alerts.note": (
        "It is there to help where help is needed, never to judge anybody.",
        "用于发现需要帮助的地方，不用于评判任何人。",
    ),
    "alerts.budget": (
        "At most about {n} alerts a rep and week on average, as the study was asked for.",
        "按研究设定，平均每位销售每周约不超过 {n} 条提醒。",
    ),
    "alerts.study": ("Rules tried on data up to {at}", "规则检验数据截至 {at}"),
    "alerts.study.none": ("The rules have not been tried on your past yet", "规则尚未在贵司历史数据上检验"),
    "alerts.study.none.help": (
        "Run `dealcast study` with the data: study.json beside the bundles brings the records here.",
        "请对数据运行 `dealcast study`，检验记录随后显示于此。",
    ),
    "alerts.table": ("Alerts of open deals", "未关闭商机的提醒"),
    "alerts.rule": ("Alert", "提醒"),
    "alerts.what": ("What was seen", "观察到的情况"),
    "alerts.right": ("Right before", "以往准确率"),
    "alerts.right.of": ("{share} of {n} deals", "{n} 个商机中 {share}"),
    "alerts.right.none": ("not known", "未知"),
    "alerts.rules": ("What an alert is worth", "提醒的价值"),
    "alerts.rules.lead": (
        "Of past deals that a rule spoke of, how many ended as it feared, beside the share of all deals.",
        "以往被规则提醒的商机中，最终如其所料的比例；并列为所有未关闭商机的同一比例。",
    ),
    "alerts.outcome": ("Feared", "担心的结果"),
    "alerts.outcome.lost": ("lost", "输单"),
    "alerts.no_better": ("not surely better than chance", "未必优于随机"),
    "alerts.within": ("within {n} days", "{n} 天内"),
    "alerts.new": ("{n} new a week in all", "全部每周新增 {n}"),
    "alerts.outcome.stalled": ("no progress", "停滞"),
    "alerts.outcome.left": ("account leaves", "客户流失"),
    "alerts.precision": ("Came true", "成真"),
    "alerts.any": ("Any deal", "任一商机"),
    "alerts.lead_days": ("Days ahead", "提前天数"),
    "alerts.week": ("A rep and week", "每位销售每周"),
    "alerts.between": ("{low} to {high}, {n} deal|{low} to {high}, {n} deals", "{low} 至 {high}，{n} 个商机"),
    "alerts.groups": ("Where the win rate fell more than elsewhere", "赢单率下降多于其他地方之处"),
    "alerts.groups.lead": (
        "In the quarter to the study, beyond what chance makes of so few deals. The parts add up.",
        "研究截止前一季度，超出随机波动的下降。各部分之和等于总变化。",
    ),
    "alerts.group": ("Group", "分组"),
    "alerts.group.team_id": ("team {name}", "团队 {name}"),
    "alerts.group.region": ("region {name}", "区域 {name}"),
    "alerts.group.rep_id": ("rep {name}", "销售 {name}"),
    "alerts.group.deals": ("{n} deal closed|{n} deals closed", "{n} 个已关闭商机"),
    "alerts.empty": ("No open deal needs a look by these rules.", "按这些规则，目前没有需要关注的商机。"),
    "alerts.all_rules": ("All alerts", "全部提醒"),
    "alerts.next": ("More alerts", "更多提醒"),
    "alerts.first": ("First alerts", "最前的提醒"),
    "alerts.shown": ("{n} alert on this page|{n} alerts on this page", "本页 {n} 条提醒"),
}
