"""Words of the models' page."""

from __future__ import annotations

TEXTS = {
    "models.title": ("Models", "模型"),
    "models.lead": (
        "What is served, how it did on later data it had not seen, and beside what.",
        "当前使用的模型、在未见过的后续数据上的表现，以及与基线的对比。",
    ),
    "models.version": ("Version {n}", "版本 {n}"),
    "models.cutoff": ("learnt from what was known by {at}", "学习截至 {at} 的已知数据"),
    "models.base": ("base rate {percent}", "基准率 {percent}"),
    "models.rung": ("What is shown: {what}.", "显示的内容：{what}。"),
    "models.rung.model": ("the model's own probability", "模型给出的概率"),
    "models.rung.stage_rate": ("the rate of the stage", "阶段平均比率"),
    "models.rung.base_rate": ("the rate of all", "总体平均比率"),
    "models.rung.model.note": (
        "The forward test showed it to be better than the simple rates.",
        "前瞻测试表明其优于简单比率。",
    ),
    "models.rung.stage_rate.note": (
        "The forward test did not show the model to be better than this.",
        "前瞻测试未能证明模型优于该比率。",
    ),
    "models.rung.base_rate.note": (
        "The forward test did not show anything to be better than this.",
        "前瞻测试未能证明有任何方法优于该比率。",
    ),
    "models.metrics": ("Accuracy on the forward test", "前瞻测试中的准确度"),
    "models.metric": ("Measure", "指标"),
    "models.model": ("Model", "模型"),
    "models.baseline.base_rate": ("Base rate", "基准率"),
    "models.baseline.stage_rate": ("Stage's rate", "阶段比率"),
    "models.baseline.logistic": ("Logistic regression", "逻辑回归"),
    "models.baseline.crm": ("The CRM's own", "CRM 自带概率"),
    "models.best": ("best", "最佳"),
    "metric.roc_auc": ("ROC AUC", "ROC AUC"),
    "metric.roc_auc.note": (
        "how surely it puts a win before a loss; 0.5 is a coin",
        "将正例排在负例之前的把握；0.5 等于掷硬币",
    ),
    "metric.log_loss": ("Log loss", "对数损失"),
    "metric.log_loss.note": (
        "the price of being sure and wrong; less is better",
        "过于自信而出错的代价；越小越好",
    ),
    "metric.brier": ("Brier score", "Brier 分数"),
    "metric.brier.note": (
        "mean squared distance from what came; less is better",
        "与实际结果的均方差；越小越好",
    ),
    "metric.average_precision": ("Average precision", "平均精确率"),
    "metric.average_precision.note": (
        "how clean the top of the list is; more is better",
        "列表靠前部分的纯度；越大越好",
    ),
    "metric.calibration_error": ("Calibration error", "校准误差"),
    "metric.calibration_error.note": (
        "how far said and observed shares lie apart; less is better",
        "预测比例与实际比例的差距；越小越好",
    ),
    "metric.lift_top_tenth": ("Lift of the top tenth", "前十分之一提升度"),
    "metric.lift_top_tenth.note": (
        "how much richer the highest tenth of scores is; more is better",
        "得分最高的十分之一相对总体的倍数；越大越好",
    ),
    "models.reliability": ("What came true of what was said", "预测值与实际结果"),
    "models.reliability.lead": (
        "On the diagonal, a shown 70% comes true 70 times in 100. Large dots rest on many cases.",
        "落在对角线上即表示“70%”的预测在 100 次中应验 70 次。圆点越大，案例越多。",
    ),
    "models.reliability.chart": (
        "Reliability of {target}: said against observed",
        "{target}的可靠性：预测与实际对比",
    ),
    "models.said": ("Said", "预测区间"),
    "models.mean": ("Mean said", "平均预测"),
    "models.observed": ("Observed", "实际"),
    "models.n": ("n", "n"),
    "models.perfect": ("as said", "完全一致"),
    "models.none": ("No model is served yet.", "尚未提供任何模型。"),
    "models.none.help": (
        "Train the models (dealcast train DATA); the service takes them up by itself.",
        "请先训练模型（dealcast train DATA），服务会自动启用。",
    ),
    "models.workers": ("Served by", "服务进程"),
    "models.workers.agreed": ("All workers serve the same versions.", "所有进程使用相同版本。"),
    "models.workers.moving": (
        "The workers are going over to new versions.",
        "各进程正在切换到新版本。",
    ),
    "models.worker": ("Worker", "进程"),
    "models.versions": ("Versions", "版本"),
}
