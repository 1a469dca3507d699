/* <deal-score opportunity="…">: a deal's score on any page. One file, no dependencies.
 *
 *   <script type="module" src="https://dealcast.example/widget/deal-score.js"></script>
 *   <deal-score opportunity="O-1">what stands here is shown while the service is away</deal-score>
 *
 * Attributes: opportunity; server (default: where this script came from); target (win, stall, churn);
 * lang (en, zh-CN; default: the page's); theme (light, dark; default: the reader's); reasons (how many, 3);
 * days (of the change told, 7); compact (the figure alone). Colours: --deal-score-… below; parts: figure,
 * trend, reasons, actions. Events: deal-score-loaded, deal-score-failed. Every number is the service's own.
 */

const HOME = new URL(import.meta.url).origin;
const WAIT = 8000; // milliseconds until the service counts as away
const AGAIN = 30000; // until it is asked again; twice as long each time, up to half an hour

const TEXTS = {
  en: {
    win: "Win probability", stall: "Stall risk", churn: "Churn risk",
    high: "high", medium: "medium", low: "low",
    wins: "win {0}", stalls: "stall {0}", churns: "churn {0}",
    usual: "usual {0}", between: "between {0} and {1}",
    came: "of {2} such scores ({0} to {1}), {3} came true",
    change: "{0} points in {1} days", steady: "unchanged in {1} days",
    why: "Why", next: "What could be done",
    away: "No score just now; the service does not answer.", known: "As of {0}; the service does not answer.",
    unknown: "No score: the service does not know this deal.", none: "Not given: {0}.",
    loading: "Loading the score", open: "All reasons", trend: "Shown before: {0}",
  },
  "zh-CN": {
    win: "赢单概率", stall: "停滞风险", churn: "流失风险",
    high: "高", medium: "中", low: "低",
    wins: "赢单 {0}", stalls: "停滞 {0}", churns: "流失 {0}",
    usual: "通常 {0}", between: "介于 {0} 与 {1} 之间",
    came: "在 {2} 个此类评分（{0} 至 {1}）中，{3} 成真",
    change: "{1} 天内 {0} 个百分点", steady: "{1} 天内无变化",
    why: "原因", next: "可以做什么",
    away: "暂无评分：服务没有响应。", known: "截至 {0}；服务没有响应。",
    unknown: "暂无评分：服务中没有该商机。", none: "未给出：{0}。",
    loading: "正在载入评分", open: "全部原因", trend: "此前评分：{0}",
  },
};
const WHY_NOT = {
  "the opportunity is closed": "该商机已关闭",
  "the opportunity does not exist yet": "该时刻商机尚未创建",
  "the account has no order yet": "该客户尚无订单",
  "the account has left": "该客户已流失",
};

const STYLE = `
:host { --good: var(--deal-score-good, #1a7f4b); --bad: var(--deal-score-bad, #b3261e);
  --accent: var(--deal-score-accent, #1f5fa8); --text: var(--deal-score-text, #1d2430);
  --quiet: var(--deal-score-quiet, #566072); --paper: var(--deal-score-background, #ffffff);
  --line: var(--deal-score-line, #d5dae3); display: block; color: var(--text);
  font: var(--deal-score-font, 14px/1.45 system-ui, "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif); }
:host([hidden]) { display: none; }
:host(.dark) { --good: var(--deal-score-good, #5fd39a); --bad: var(--deal-score-bad, #ff9b91);
  --accent: var(--deal-score-accent, #86b7f3); --text: var(--deal-score-text, #e8ebf1);
  --quiet: var(--deal-score-quiet, #a8b1c0); --paper: var(--deal-score-background, #171b22);
  --line: var(--deal-score-line, #39414f); }
section { background: var(--paper); border: 1px solid var(--line);
  border-radius: var(--deal-score-radius, 10px); padding: 12px 14px; max-width: 30rem; }
header { display: flex; align-items: center; gap: 12px; flex-wrap: wrap; }
h3, h4 { margin: 0; font-size: 1em; font-weight: 600; }
h4 { margin-top: 10px; color: var(--quiet); font-weight: 600; font-size: 0.92em; }
p { margin: 2px 0 0; color: var(--quiet); font-size: 0.92em; }
.number { font-size: 2.1em; font-weight: 700; font-variant-numeric: tabular-nums; line-height: 1; }
.words { flex: 1 1 9rem; min-width: 0; }
.others { display: flex; gap: 10px; color: var(--quiet); font-size: 0.92em; flex-wrap: wrap; margin-top: 6px; }
svg.trend { width: 96px; height: 32px; overflow: visible; }
svg.trend path { fill: none; stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; }
svg.trend circle { fill: var(--accent); }
ul { list-style: none; margin: 4px 0 0; padding: 0; }
li { display: flex; gap: 8px; padding: 3px 0; align-items: baseline; }
li > b { flex: 0 0 2.2em; text-align: right; font-variant-numeric: tabular-nums; }
li > span { min-width: 0; overflow-wrap: anywhere; }
.up { color: var(--good); } .down { color: var(--bad); } .risk .up { color: var(--bad); }
.risk .down { color: var(--good); }
a { color: var(--accent); display: inline-block; margin-top: 8px; }
a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.quiet { color: var(--quiet); }
@media print { section { break-inside: avoid; } }
`;

/** An element with attributes and children, which are texts or elements: nothing is ever read as HTML. */
function made(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "circle", "title"].includes(name);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const filled = (text, ...values) => text.replace(/\{(\d)\}/g, (_, place) => values[Number(place)]);
const signed = (points) => (points > 0 ? `+${points}` : points < 0 ? `−${-points}` : "0");
const whole = (share) => Math.floor(share * 100 + 0.5); // halves upwards, as the service rounds
const percent = (share) => `${whole(share)}%`;

class Away extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.status = status;
  }
}

class DealScore extends HTMLElement {
  static observedAttributes = ["opportunity", "server", "target", "lang", "theme", "reasons", "days", "compact"];

  #asked = 0; // the number of the question: the answer to an earlier one is dropped
  #waiting = false;
  #again = 0;
  #failed = 0;
  #shown = null;
  #dark = matchMedia("(prefers-color-scheme: dark)");
  #recolour = () => this.classList.toggle("dark", (this.getAttribute("theme") || this.#scheme()) === "dark");

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
    // A sheet that a script makes needs no 'unsafe-inline' in the page's Content-Security-Policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.shadowRoot.adoptedStyleSheets = [sheet];
  }

  connectedCallback() {
    this.#dark.addEventListener("change", this.#recolour);
    this.#soon();
  }

  disconnectedCallback() {
    this.#dark.removeEventListener("change", this.#recolour);
    this.#asked += 1;
    clearTimeout(this.#again);
  }

  attributeChangedCallback(name, before, after) {
    if (before !== after && this.isConnected) this.#soon(name === "opportunity" || name === "server");
  }

  /** Ask the service now, without waiting for the next time. */
  refresh() {
    return this.#load();
  }

  get #server() {
    return (this.getAttribute("server") || HOME).replace(/\/+$/, "");
  }

  get #language() {
    const said = this.getAttribute("lang") || this.closest("[lang]")?.lang || navigator.language || "en";
    return said.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
  }

  get #target() {
    const said = this.getAttribute("target");
    return said === "stall" || said === "churn" ? said : "win";
  }

  get #days() {
    const days = Number.parseInt(this.getAttribute("days") || "", 10);
    return days >= 1 && days <= 730 ? days : 7;
  }

  #text(key, ...values) {
    return filled(TEXTS[this.#language][key], ...values);
  }

  #scheme() {
    return this.#dark.matches ? "dark" : "light";
  }

  #soon(other = false) {
    if (other) this.#shown = null; // of another deal nothing may stay
    if (this.#waiting) return;
    this.#waiting = true;
    queueMicrotask(() => {
      this.#waiting = false;
      if (this.isConnected) this.#load();
    });
  }

  async #load() {
    const asked = ++this.#asked, name = this.getAttribute("opportunity") || "";
    clearTimeout(this.#again);
    this.#recolour();
    if (!this.#shown) this.#draw(made("p", { role: "status" }, this.#text("loading")), true);
    if (!name) return;
    const path = `/v1/opportunities/${encodeURIComponent(name)}`;
    try {
      const score = await this.#get(`${path}/score`);
      if (asked !== this.#asked) return;
      this.#failed = 0;
      this.#shown = { score, changes: null, history: null, actions: null };
      const more = !this.hasAttribute("compact");
      this.#draw(this.#card(), more);
      this.#tell("deal-score-loaded", score);
      if (more) await this.#more(asked, path, score);
    } catch (error) {
      if (asked === this.#asked) this.#fail(error);
    }
  }

  /** What is good to have beside the score; where one of them fails the rest stands. */
  async #more(asked, path, score) {
    const since = new Date(Date.parse(score.as_of) - this.#days * 864e5).toISOString();
    const until = encodeURIComponent(score.as_of);
    const body = JSON.stringify({ as_of: score.as_of, target: this.#target });
    const [changes, history, next] = await Promise.allSettled([
      this.#get(`${path}/changes?since=${since}&until=${until}&target=${this.#target}`),
      this.#get(`${path}/scores?limit=50`),
      this.#get(`${path}/what-if`, { method: "POST", body, headers: { "content-type": "application/json" } }),
    ]);
    if (asked !== this.#asked) return;
    this.#shown = {
      score,
      changes: changes.value ?? null,
      history: history.value?.scores ?? null,
      actions: next.value ?? null,
    };
    this.#draw(this.#card());
  }

  async #get(path, more = {}) {
    const headers = { "accept-language": this.#language, ...more.headers };
    const answer = await fetch(this.#server + path, {
      ...more, headers, mode: "cors", credentials: "omit", signal: AbortSignal.timeout(WAIT),
    });
    if (!answer.ok) throw new Away(answer.status);
    return answer.json();
  }

  #fail(error) {
    const unknown = error instanceof Away && error.status === 404;
    const said = made("p", { role: "status" }, this.#text(unknown ? "unknown" : "away"));
    if (this.#shown && !unknown) {
      const note = made("p", { role: "status" }, this.#text("known", this.#time(this.#shown.score.as_of)));
      this.#draw(this.#card(note));
    } else {
      this.#shown = null;
      this.#draw(made("div", {}, made("slot"), said));
    }
    this.#tell("deal-score-failed", { status: error.status ?? 0 });
    if (unknown) return;
    this.#failed += 1;
    const wait = Math.min(AGAIN * 2 ** (this.#failed - 1), 18e5);
    this.#again = setTimeout(() => this.#load(), wait);
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #draw(content, busy = false) {
    const label = this.#text(this.#target);
    const section = made("section", { "aria-label": label, "aria-busy": String(busy), lang: this.#language }, content);
    section.classList.toggle("risk", this.#target !== "win");
    this.shadowRoot.replaceChildren(section);
  }

  #card(note = null) {
    const { score } = this.#shown, target = score[this.#target];
    const title = made("h3", {}, this.#text(this.#target));
    if (target.probability === null) {
      const why = this.#language === "zh-CN" ? WHY_NOT[target.abstained] ?? target.abstained : target.abstained;
      return made("div", {}, title, made("p", {}, this.#text("none", why)), note);
    }
    const words = made("div", { class: "words" }, title, made("p", {}, this.#kind(target)));
    const header = made(
      "header", { part: "figure" }, made("span", { class: "number" }, `${target.percent}%`), words, this.#trend(),
    );
    if (this.hasAttribute("compact")) return made("div", {}, header, note);
    return made(
      "div", {}, header, this.#moved(), this.#proof(target), this.#others(), this.#reasons(target), this.#next(),
      this.#link(), note,
    );
  }

  /** How high it is in words, what is usual, and how sure. */
  #kind(target) {
    const parts = [this.#text(target.tier), this.#text("usual", `${target.base_percent}%`)];
    if (target.interval) parts.push(this.#text("between", ...target.interval.map(percent)));
    return parts.join(" · ");
  }

  #proof(target) {
    const row = target.reliability;
    if (!row) return null;
    const n = row.n.toLocaleString(this.#language);
    return made("p", {}, this.#text("came", percent(row.from), percent(row.to), n, percent(row.observed)));
  }

  #moved() {
    const moved = this.#shown.changes?.targets?.[this.#target];
    if (!moved || moved.before_percent === null || moved.after_percent === null) return null;
    const points = moved.after_percent - moved.before_percent;
    const text = this.#text(points ? "change" : "steady", signed(points), this.#days);
    return made("p", { class: points > 0 ? "up" : points < 0 ? "down" : "" }, text);
  }

  #others() {
    const keys = { win: "wins", stall: "stalls", churn: "churns" };
    const rest = Object.keys(keys).filter((name) => name !== this.#target && this.#shown.score[name].percent !== null);
    const said = rest.map((name) => made("span", {}, this.#text(keys[name], `${this.#shown.score[name].percent}%`)));
    return said.length ? made("div", { class: "others" }, ...said) : null;
  }

  /** What was shown before, as a line from the earliest on. */
  #trend() {
    const before = (this.#shown.history ?? []).map((each) => [Date.parse(each.as_of), each.probabilities[this.#target]]);
    const points = before.filter(([, value]) => value !== null).sort((a, b) => a[0] - b[0]);
    if (points.length < 2 || points[0][0] === points.at(-1)[0]) return null;
    const width = points.at(-1)[0] - points[0][0];
    const at = ([time, value]) => [((time - points[0][0]) / width) * 96, (1 - value) * 32];
    const line = points.map((point, i) => `${i ? "L" : "M"}${at(point).map((x) => x.toFixed(1)).join(" ")}`).join("");
    const [x, y] = at(points.at(-1));
    const said = this.#text("trend", points.slice(-8).map(([, value]) => percent(value)).join(" → "));
    return made(
      "svg", { class: "trend", part: "trend", role: "img", viewBox: "0 0 96 32", "aria-label": said },
      made("title", {}, said), made("path", { d: line }), made("circle", { cx: x, cy: y, r: 3 }),
    );
  }

  #reasons(target) {
    const most = Number.parseInt(this.getAttribute("reasons") || "", 10);
    const said = (target.reasons ?? []).filter((each) => each.percent_points !== 0).slice(0, most >= 0 ? most : 3);
    if (!said.length) return null;
    const rows = said.map((each) => this.#row(each.percent_points, each.percent_points > 0 ? "▲" : "▼", each.text));
    return made("div", { part: "reasons" }, made("h4", {}, this.#text("why")), made("ul", {}, ...rows));
  }

  #next() {
    const answer = this.#shown.actions, better = this.#target === "win" ? 1 : -1;
    const worth = (answer?.actions ?? []).map((each) => ({ ...each, points: this.#gained(each) }));
    const good = worth.filter((each) => each.points * better > 0).slice(0, 2);
    if (!good.length) return null;
    const rows = good.map((each) => this.#row(each.points, signed(each.points), each.text));
    const note = made("p", {}, answer.note);
    return made("div", { part: "actions" }, made("h4", {}, this.#text("next")), made("ul", {}, ...rows), note);
  }

  #gained(action) {
    const gain = action.gain[this.#target] ?? 0;
    return whole(Math.abs(gain)) * Math.sign(gain);
  }

  #row(points, mark, text) {
    return made("li", {}, made("b", { class: points > 0 ? "up" : "down" }, mark), made("span", {}, text));
  }

  #link() {
    const href = `${this.#server}/deals/${encodeURIComponent(this.getAttribute("opportunity"))}`;
    return made("a", { href, target: "_blank", rel: "noopener" }, this.#text("open"));
  }

  #time(text) {
    return new Date(text).toLocaleString(this.#language, { dateStyle: "medium", timeStyle: "short" });
  }
}

if (!customElements.get("deal-score")) customElements.define("deal-score", DealScore);
