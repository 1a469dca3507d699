"""Words of the pipeline."""

from __future__ import annotations

TEXTS = {
    "pipeline.title": ("Pipeline", "商机"),
    "pipeline.lead": (
        "Every open deal, with its chance and its risks.",
        "全部未关闭商机的赢单概率与风险。",
    ),
    "pipeline.open": ("Open deals", "未关闭商机"),
    "pipeline.open.all": ("at this moment", "当前时刻"),
    "pipeline.open.chosen": ("of the chosen rep or team", "所选销售或团队"),
    "pipeline.wins": ("Wins to expect", "预计赢单数"),
    "pipeline.wins.note": (
        "the sum of the win probabilities of {n} deal|the sum of the win probabilities of {n} deals",
        "{n} 个商机的赢单概率之和",
    ),
    "pipeline.wins.given": ("given that the deal reaches {stage}", "以商机到达「{stage}」阶段为前提"),
    "pipeline.help": ("Need help", "需要关注"),
    "pipeline.help.stall": (
        "{n} deal with a high stall risk|{n} deals with a high stall risk",
        "{n} 个商机停滞风险高",
    ),
    "pipeline.help.churn": (
        "{n} deal with a high churn risk|{n} deals with a high churn risk",
        "{n} 个商机的客户流失风险高",
    ),
    "pipeline.filter": ("Choose deals", "筛选商机"),
    "pipeline.all_reps": ("All reps", "全部销售"),
    "pipeline.all_teams": ("All teams", "全部团队"),
    "pipeline.sort": ("Order", "排序"),
    "pipeline.apply": ("Show", "显示"),
    "pipeline.clear": ("Clear", "清除"),
    "pipeline.find": ("Deal id", "商机编号"),
    "pipeline.go": ("Open", "打开"),
    "pipeline.table": ("Open deals with their scores", "未关闭商机及其评分"),
    "pipeline.shown": ("{n} deal on this page|{n} deals on this page", "本页 {n} 个商机"),
    "pipeline.next": ("Next page", "下一页"),
    "pipeline.first": ("First page", "首页"),
    "pipeline.empty": ("No open deal matches this choice.", "没有符合条件的未关闭商机。"),
    "pipeline.empty.help": ("Clear the choice to see all deals.", "清除筛选可查看全部商机。"),
    "pipeline.key": (
        "Bars and words say low, medium or high among deals like yours; the line is the probability itself.",
        "图标与文字表示在同类商机中的低、中、高；横条为概率本身。",
    ),
    "sort.-win": ("Most likely to be won", "赢单概率从高到低"),
    "sort.win": ("Least likely to be won", "赢单概率从低到高"),
    "sort.-stall": ("Most likely to stall", "停滞风险从高到低"),
    "sort.stall": ("Least likely to stall", "停滞风险从低到高"),
    "sort.-churn": ("Account most likely to leave", "流失风险从高到低"),
    "sort.churn": ("Account least likely to leave", "流失风险从低到高"),
    "sort.-amount": ("Largest amount", "金额从大到小"),
    "sort.amount": ("Smallest amount", "金额从小到大"),
    "sort.opportunity_id": ("Deal id, ascending", "编号升序"),
    "sort.-opportunity_id": ("Deal id, descending", "编号降序"),
}
