// Charts are drawn from the tables below them: the same figures, once for the eye and once for the reader.
// Colours are the page's own variables, so that theme and paper change them without drawing again.
(() => {
  "use strict";
  const day = new Intl.DateTimeFormat(document.documentElement.lang, { month: "short", day: "numeric" });
  const small = matchMedia("(max-width: 48rem)");
  const value = (cell) => (cell && cell.dataset.value !== undefined ? Number(cell.dataset.value) : null);
  const rowsOf = (figure) => [...figure.querySelectorAll("tbody tr")].map((row) => [...row.cells]);
  const percent = (share) => `${Math.round(share * 100)}%`;
  const text = { color: "var(--quiet)", fontFamily: "inherit", fontSize: 12 };
  const grid = { left: 8, right: 16, top: 16, bottom: 8, containLabel: true };
  const hushed = { animation: false, textStyle: { fontFamily: "inherit" } };
  const axis = {
    axisLine: { lineStyle: { color: "var(--line)" } },
    axisTick: { show: false },
    axisLabel: text,
    splitLine: { lineStyle: { color: "var(--line)" } },
    nameTextStyle: text,
  };
  const tip = {
    renderMode: "richText", confine: true, backgroundColor: "var(--sheet)", borderColor: "var(--line)",
    textStyle: { ...text, color: "var(--ink)" }, padding: [8, 12], shadowBlur: 0,
  };
  const still = { disabled: true };

  const amount = (figure) => {
    const steps = figure.dataset.chinese ? [[1e8, "亿"], [1e4, "万"]] : [[1e9, "B"], [1e6, "M"], [1e3, "k"]];
    return (number) => {
      for (const [size, name] of steps) if (Math.abs(number) >= size) return `${+(number / size).toPrecision(3)}${name}`;
      return String(Math.round(number));
    };
  };

  const whisker = (params, api) => {
    const [place, low, middle, high] = [0, 1, 2, 3].map((each) => api.value(each));
    const at = (number) => api.coord([place, number]);
    const [x, bottom] = at(low);
    const [, top] = at(high);
    const [, centre] = at(middle);
    const half = Math.min(9, api.size([1, 0])[0] / 6);
    const line = (x1, y1, x2, y2) => ({
      type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: "var(--ink)", lineWidth: 1.5 },
    });
    return {
      type: "group",
      children: [
        line(x, top, x, bottom), line(x - half, top, x + half, top), line(x - half, bottom, x + half, bottom),
        { type: "circle", shape: { cx: x, cy: centre, r: 4 }, style: { fill: "var(--sheet)", stroke: "var(--ink)", lineWidth: 1.5 } },
      ],
    };
  };

  const drawn = {
    forecast(figure) {
      const rows = rowsOf(figure);
      const names = [...figure.querySelectorAll("thead th")].map((head) => head.textContent);
      const column = (place) => rows.map((cells) => value(cells[place]));
      const [p10, p50, p90] = [1, 2, 3].map(column);
      const short = amount(figure);
      const bar = (place, colour) => ({
        type: "bar", stack: "mean", name: names[place], data: column(place), barMaxWidth: 56,
        itemStyle: { color: colour, borderColor: "var(--sheet)", borderWidth: 1 }, emphasis: still,
      });
      return {
        grid, tooltip: {
          ...tip, trigger: "axis", axisPointer: { type: "shadow", shadowStyle: { color: "var(--track)", opacity: 0.6 } },
          formatter: (points) => {
            const cells = rows[points[0].dataIndex];
            return [cells[0].dataset.value, ...names.slice(1).map((name, place) => `${name}: ${cells[place + 1].textContent}`)].join("\n");
          },
        },
        xAxis: { ...axis, type: "category", data: rows.map((cells) => cells[0].dataset.value), axisLabel: { ...text, hideOverlap: true } },
        yAxis: { ...axis, type: "value", axisLabel: { ...text, formatter: short } },
        series: [
          bar(5, "var(--booked)"), bar(6, "var(--open)"), bar(7, "var(--new)"),
          { type: "custom", renderItem: whisker, data: rows.map((_, place) => [place, p10[place], p50[place], p90[place]]), encode: { x: 0, y: [1, 2, 3] }, z: 10, silent: true },
        ],
      };
    },
    reliability(figure) {
      const rows = rowsOf(figure).map((cells) => ({ cells, at: [value(cells[1]), value(cells[2])], n: value(cells[3]) }));
      const most = Math.max(...rows.map((row) => row.n));
      const share = { ...axis, type: "value", min: 0, max: 1, interval: 0.25, axisLabel: { ...text, formatter: percent }, nameLocation: "middle" };
      return {
        grid: { ...grid, left: 24, bottom: 24 }, tooltip: {
          ...tip, trigger: "item",
          formatter: ({ dataIndex, seriesIndex }) => seriesIndex === 1
            ? `${rows[dataIndex].cells[0].textContent}\n${figure.dataset.said}: ${rows[dataIndex].cells[1].textContent}\n${figure.dataset.observed}: ${rows[dataIndex].cells[2].textContent}\nn = ${rows[dataIndex].cells[3].textContent}` : "",
        },
        xAxis: { ...share, name: figure.dataset.said, nameGap: 28 },
        yAxis: { ...share, name: figure.dataset.observed, nameGap: 40 },
        series: [
          { type: "line", data: [[0, 0], [1, 1]], symbol: "none", lineStyle: { color: "var(--even)", type: "dashed", width: 1.5 }, silent: true, emphasis: still,
            endLabel: { show: false } },
          { type: "line", data: rows.map((row) => row.at), symbol: "circle", symbolSize: (_, params) => 7 + 13 * Math.sqrt(rows[params.dataIndex].n / most),
            lineStyle: { color: "var(--accent)", width: 2 }, itemStyle: { color: "var(--accent)", borderColor: "var(--sheet)", borderWidth: 2 }, emphasis: still },
        ],
      };
    },
    history(figure) {
      const rows = rowsOf(figure);
      const names = [...figure.querySelectorAll("thead th")].map((head) => head.textContent);
      const look = [
        ["var(--good)", "solid", "circle"], ["var(--risk)", "dashed", "triangle"], ["var(--even)", "dotted", "rect"],
      ];
      const point = (cells, place) => [cells[0].dataset.value, value(cells[place])];
      return {
        grid: { ...grid, right: small.matches ? 16 : 130 }, tooltip: {
          ...tip, trigger: "axis", axisPointer: { lineStyle: { color: "var(--quiet)" } },
          formatter: (points) => {
            const cells = rows[points[0].dataIndex];
            return [cells[0].textContent, ...names.slice(1).map((name, place) => `${name}: ${cells[place + 1].textContent}`)].join("\n");
          },
        },
        xAxis: { ...axis, type: "time", splitLine: { show: false }, axisLabel: { ...text, hideOverlap: true, formatter: (at) => day.format(at) } },
        yAxis: { ...axis, type: "value", min: 0, max: 1, interval: 0.25, axisLabel: { ...text, formatter: percent } },
        series: look.map(([colour, type, symbol], place) => ({
          type: "line", name: names[place + 1], data: rows.map((cells) => point(cells, place + 1)), connectNulls: true,
          symbol, symbolSize: 7, lineStyle: { color: colour, type, width: 2 }, itemStyle: { color: colour }, emphasis: still,
          endLabel: { show: !small.matches, formatter: "{a}", color: colour, fontFamily: "inherit" }, labelLayout: { moveOverlap: "shiftY" },
        })),
      };
    },
  };

  const charts = [];
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const plot = figure.querySelector(".plot");
    plot.classList.add("drawn");
    const chart = echarts.init(plot, null, { renderer: "svg" });
    chart.setOption({ ...hushed, ...drawn[figure.dataset.chart](figure) });
    new ResizeObserver(() => chart.resize()).observe(plot);
    charts.push(chart);
    // The table is a look away once the chart stands; on paper both are there.
    for (const part of figure.querySelectorAll("details")) part.open = false;
    for (const part of figure.querySelectorAll(".legend")) part.hidden = false;
  }
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("figure[data-chart] details")) part.open = true;
    for (const chart of charts) chart.resize();
  });
})();
