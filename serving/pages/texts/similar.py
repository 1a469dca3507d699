"""Words of similar closed deals."""

from __future__ import annotations

TEXTS = {
    "similar.title": ("Similar closed deals", "相似的已关闭商机"),
    "similar.of": ("Closed deals similar to {id}", "与 {id} 相似的已关闭商机"),
    "similar.load": ("Show closed deals that stood like this one", "查看曾处于类似状态的已关闭商机"),
    "similar.loading": ("Looking for similar deals …", "正在查找相似商机……"),
    "similar.lead": (
        "Of the {n} closed deals most like this one {won} were won; its own win probability is {percent}.",
        "与本商机最相似的 {n} 个已关闭商机中，{won} 个赢单；本商机的赢单概率为 {percent}。",
    ),
    "similar.compared": (
        "Each is shown as it stood {days} days after it came to {stage}; of all {n} that were there, {won}"
        " were won.",
        "均按进入「{stage}」阶段 {days} 天时的状态比较；当时处于该阶段的 {n} 个商机中，{won} 个赢单。",
    ),
    "similar.none": (
        "No closed deal has stood where this one stands yet.",
        "尚无曾处于相同阶段的已关闭商机。",
    ),
    "similar.ended": ("How it ended", "结果"),
    "similar.won": ("won on {at}, {n} day later|won on {at}, {n} days later", "{n} 天后赢单（{at}）"),
    "similar.lost": ("lost on {at}, {n} day later|lost on {at}, {n} days later", "{n} 天后输单（{at}）"),
    "similar.then": ("Win probability then", "当时的赢单概率"),
    "similar.alike": ("Why it is alike", "相似之处"),
    "similar.apart": ("What differs", "不同之处"),
}
