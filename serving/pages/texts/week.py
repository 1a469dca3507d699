"""Words of the week's list."""

from __future__ import annotations

TEXTS = {
    "week.title": ("This week", "本周清单"),
    "week.lead": (
        "Whom to call or visit next: for each rep the deals in which the next step gains most.",
        "接下来联系或拜访谁：每位销售名下，下一步行动收益最大的商机。",
    ),
    "week.capacity": ("Actions a week", "每周行动数"),
    "week.rep": ("Rep {name}", "销售 {name}"),
    "week.rep.none": ("Deals without a rep", "未分配销售的商机"),
    "week.rep.team": ("team {name}", "团队 {name}"),
    "week.table": ("Next steps of rep {name}", "销售 {name} 的下一步行动"),
    "week.what": ("What to do, and what it may bring", "建议行动及其预期"),
    "week.gain": ("Gain in points", "提升（百分点）"),
    "week.gained": ("Gain × value", "提升 × 价值"),
    "week.judged": (
        "{n} open deal judged; each step against doing nothing for a week.|"
        "{n} open deals judged; each step against doing nothing for a week.",
        "已评估 {n} 个未关闭商机；每项行动均与一周内不采取行动相比。",
    ),
    "week.choose": (
        "There are {n} open deals: choose a rep or a team to see their list.",
        "共有 {n} 个未关闭商机：请选择销售或团队查看清单。",
    ),
    "week.choose.help": (
        "The list of one rep is there in a moment; that of everybody takes a while.",
        "单个销售的清单可立即显示；全部清单需要较长时间。",
    ),
    "week.choose.all": ("Make everybody's list", "生成全部清单"),
    "week.empty": (
        "No step gains anything in these deals just now.",
        "目前没有能带来提升的行动。",
    ),
}
