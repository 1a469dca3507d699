"""Words of the forecast."""

from __future__ import annotations

TEXTS = {
    "forecast.title": ("Forecast", "预测"),
    "forecast.lead": (
        "Bookings to come: what is booked, what open deals bring, and what deals not yet created bring.",
        "未来签约额：已签约、未关闭商机以及尚未创建的商机各贡献多少。",
    ),
    "forecast.horizon": ("Horizon", "预测期"),
    "forecast.days": ("{n} days", "{n} 天"),
    "forecast.by": ("Split by", "拆分维度"),
    "forecast.by.": ("not split", "不拆分"),
    "forecast.by.team_id": ("team", "团队"),
    "forecast.by.region": ("region", "地区"),
    "forecast.by.product": ("product", "产品"),
    "forecast.by.source": ("source", "来源"),
    "forecast.period": ("Per", "周期"),
    "forecast.period.week": ("week", "周"),
    "forecast.period.month": ("month", "月"),
    "forecast.period.quarter": ("quarter", "季度"),
    "forecast.whole": ("Next {n} days", "未来 {n} 天"),
    "forecast.whole.p50": ("Next {n} days, middle (P50)", "未来 {n} 天，中位数（P50）"),
    "forecast.whole.mean": ("Next {n} days, mean", "未来 {n} 天，均值"),
    "forecast.likely": ("{low} to {high}", "{low} 至 {high}"),
    "forecast.likely.note": (
        "eight times in ten within this span (P10 to P90)",
        "十次中有八次落在此区间（P10–P90）",
    ),
    "forecast.p50": ("Middle (P50)", "中位数（P50）"),
    "forecast.p10": ("P10", "P10"),
    "forecast.p90": ("P90", "P90"),
    "forecast.mean": ("Mean", "均值"),
    "forecast.booked": ("Booked", "已签约"),
    "forecast.open": ("Open deals", "未关闭商机"),
    "forecast.new": ("New deals", "新商机"),
    "forecast.booked.note": ("won already", "已赢单"),
    "forecast.open.note": (
        "amount times win probability, by when it closes",
        "金额 × 赢单概率，按成交时间分布",
    ),
    "forecast.new.note": ("deals not created yet, by the pace so far", "尚未创建的商机，按以往节奏估计"),
    "forecast.chart": (
        "Bookings per {period}: booked, open and new stacked, with the span from P10 to P90",
        "按{period}的签约额：已签约、未关闭与新商机堆叠，并标出 P10–P90 区间",
    ),
    "forecast.chart.title": ("Bookings per {period}", "按{period}的签约额"),
    "forecast.span": ("P10 to P90", "P10–P90"),
    "forecast.partial": ("in part", "不完整"),
    "forecast.partial.note": (
        "Marked periods are only partly inside the horizon.",
        "带标记的周期只有一部分在预测期内。",
    ),
    "forecast.groups": ("By {by}", "按{by}"),
    "forecast.groups.lead": (
        "Means add up to the whole; the spans do not, for groups do not all do badly at once.",
        "均值可以相加，区间不能：各组不会同时表现不佳。",
    ),
    "forecast.group": ("Group", "分组"),
    "forecast.share": ("Make-up of the mean", "均值构成"),
    "forecast.notes": ("What to know", "说明"),
    "forecast.note.adds": (
        "In each line, booked + open + new = mean.",
        "每一行中，已签约 + 未关闭 + 新商机 = 均值。",
    ),
    "forecast.note.draws": (
        "The spans come from {n} draws of what may happen, with the models win {win} and close {close}.",
        "区间来自 {n} 次模拟，使用赢单模型 {win} 与成交时间模型 {close}。",
    ),
    "forecast.note.zone": (
        "Weeks begin on Monday; periods are those of the time zone {zone}.",
        "每周从周一开始；周期按 {zone} 时区划分。",
    ),
    "forecast.apply": ("Show", "显示"),
}
