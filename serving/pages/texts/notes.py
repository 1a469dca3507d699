"""What the service says in English, as a page says it: a pattern, English, Chinese."""

from __future__ import annotations

from collections.abc import Sequence

SENTENCES: Sequence[tuple[str, str, str]] = (
    (
        "the account has no order yet",
        "The account has not ordered yet, so there is no churn risk to speak of",
        "该客户尚无订单，因此暂不给出流失风险",
    ),
    (
        "the account has left",
        "The account has already left, so there is nothing to foresee",
        "该客户已流失，无需再作预测",
    ),
    (
        "the opportunity is closed",
        "The deal is closed, so there is nothing left to foresee",
        "该商机已关闭，无需再作预测",
    ),
    (
        "the opportunity does not exist yet",
        "The deal did not exist at this moment",
        "该时刻商机尚未创建",
    ),
    (
        "there is no win model",
        "No model of wins is served yet; train one, and it appears here",
        "尚未提供赢单模型；训练完成后将在此显示",
    ),
    (
        "there is no stall model",
        "No model of stalls is served yet; train one, and it appears here",
        "尚未提供停滞模型；训练完成后将在此显示",
    ),
    (
        "there is no churn model",
        "No model of churn is served yet; train one, and it appears here",
        "尚未提供流失模型；训练完成后将在此显示",
    ),
    (
        r"([\d,]+) open deals show no amount at (\S+) \(missing, 0 or negative\): what won deals"
        " came to stands in its place",
        "{0} open deals show no amount at {1}: what won deals came to stands in its place",
        "截至 {1}，有 {0} 个未关闭商机没有金额，以赢单的平均水平代替",
    ),
    (
        r"([\d,]+) deals have a negative amount, which is read as missing",
        "{0} deals have a negative amount, which counts as missing",
        "有 {0} 个商机金额为负，按缺失处理",
    ),
    (
        r"([\d,]+) deals in other currencies than (\S+) are left out",
        "{0} deals in other currencies than {1} are left out",
        "有 {0} 个商机的币种不是 {1}，未计入",
    ),
    (
        "the (data set|store) has no opportunity of this id",
        "No deal of this id has come in",
        "没有收到该编号的商机",
    ),
    (
        "the study knows no (team|region|rep) of this name",
        "The study of the past knows no {0} of this name",
        "对历史数据的研究中没有该名称",
    ),
    (
        "a forecast needs the models win and close; train both and start the server again",
        "A forecast needs the models win and close; train both and start the server again",
        "预测需要赢单模型与成交时间模型；请训练两者后重新启动服务",
    ),
    (
        r"fewer than (\d+) deals had this alert in the weeks judged",
        "fewer than {0} deals had this alert in the weeks judged",
        "在检验的各周内，触发该提醒的商机不足 {0} 个",
    ),
    (
        r"\w+: the data set has no orders, without which churn cannot be learnt",
        "the data have no orders, without which churn cannot be learnt",
        "数据中没有订单，无法学习流失风险",
    ),
    (
        r"\w+: no snapshot to learn from at (\S+); train on later data",
        "there is nothing to learn from by {0}",
        "截至 {0} 没有可供学习的数据",
    ),
    (
        r"\w+: the data up to (\S+) are too short: .*",
        "the data up to {0} are too short to learn from",
        "截至 {0} 的数据太短，不足以学习",
    ),
    (
        r"\w+: only (\d+) snapshots with label \d in the \w+ part \(.*\), at least (\d+) are needed; .*",
        "only {0} of the cases it needs are known, at least {1} are needed",
        "所需结果仅有 {0} 例，至少需要 {1} 例",
    ),
    (
        r"\S+ beside the bundles is no study that this version reads \(.*\); make it again with"
        " `dealcast study DATA`",
        "the file is no study that this version reads",
        "该文件不是此版本可读取的研究文件",
    ),
    (
        r"(\d+) requests wait for their turn already; nothing was tried, try again later",
        "{0} requests wait for their turn already; nothing was tried",
        "已有 {0} 个请求在排队，本次请求未执行",
    ),
    (
        r"no place came free within (\S+) s; nothing was tried, try again later",
        "no place came free within {0} s; nothing was tried",
        "{0} 秒内没有空位，本次请求未执行",
    ),
    (
        r"there was no answer within (\d+) s; .*",
        "there was no answer within {0} s; the work may go on, and asking again does no harm",
        "{0} 秒内未能完成；处理可能仍在继续，可放心重试",
    ),
    (
        "an error of the server; its log says more",
        "an error of the server; its log says more",
        "服务器错误，详情见日志",
    ),
)
