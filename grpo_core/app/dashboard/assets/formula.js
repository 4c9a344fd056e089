/**
 * The formula lens: one token, the objective of a method with the token's numbers in place, and
 * what every other method would have done with the same token.
 */

import { h, m, resize, setAttribute, setHidden, setStyle, setText } from "./dom.js";
import { number, signed } from "./format.js";
import { explain } from "./glossary.js";
import { draw, number as figure, op, row, written } from "./notation.js";

/** The columns of the comparison. */
const COLUMNS = [
  ["A", "advantage", (value) => signed(value, 3)],
  ["ρ", "ratio", (value) => number(value, 3)],
  ["∂S", "slope", (value) => signed(value, 3)],
  ["c", "share", (value) => number(value, 3)],
  ["push", "push", (value) => signed(value, 3)],
];

export const formula = { id: "formula", label: "Formula", make };

function make(parent, session) {
  const ui = build(parent, session);
  let drawn = null;
  return () => {
    const { trial } = session;
    if (!session.view.token && session.record?.completions) chooseToken(session);
    const answer = trial.answer;
    const problem = trial.problem ?? answer?.token?.refused ?? null;
    const ready = Boolean(answer?.token?.symbols);
    setText(ui.status, problem ?? "");
    setHidden(ui.status, problem === null);
    setHidden(ui.main, !ready);
    setHidden(ui.none, ready || problem !== null);
    if (!ready || answer === drawn) return;
    drawn = answer;
    setText(ui.token, answer.token.text || "(end)");
    setText(ui.where, whereText(answer, session));
    setText(ui.record, recordText(answer, session));
    drawLines(ui, answer, session);
    drawMethods(ui, answer, session);
    ui.explain(ui.chosen);
  };
}

function build(parent, session) {
  const move = (by) => () => {
    const [completion, token] = session.view.token;
    const last = session.board.completions[completion].tokens.length - 1;
    session.chooseToken(completion, Math.min(Math.max(token + by, 0), last));
  };
  const button = (text, label, act) =>
    h("button", { type: "button", class: "lab-button", "aria-label": label, onclick: act }, text);
  const ui = {
    chosen: "push",
    token: h("code", { class: "lab-lens-token", dir: "ltr" }),
    where: h("span", { class: "lab-muted" }),
    status: h("p", { class: "lab-lens-problem", role: "status" }),
    none: h("p", { class: "lab-muted" }, "Reading the numbers of a token ..."),
    list: h("div", { class: "lab-lens-lines" }),
    record: h("p", { class: "lab-lens-source" }),
    meaning: h("div", { class: "lab-lens-meaning", "aria-live": "polite" }),
    table: h("tbody"),
  };
  const head = ["method", ...COLUMNS.map(([title]) => title), ""];
  ui.main = h(
    "div",
    { class: "lab-lens" },
    h(
      "div",
      { class: "lab-lens-left" },
      h(
        "div",
        { class: "lab-lens-head" },
        button("‹", "The token before", move(-1)),
        ui.token,
        button("›", "The next token", move(1)),
        ui.where,
      ),
      ui.list,
      ui.record,
    ),
    ui.meaning,
    h(
      "div",
      { class: "lab-lens-methods" },
      h(
        "table",
        { "aria-label": "The same token under every method" },
        h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
        ui.table,
      ),
    ),
  );
  ui.explain = (name) => explainSymbol(ui, name, session);
  parent.append(ui.status, ui.none, ui.main);
  return ui;
}

/** When none is chosen: the token that was pushed hardest. */
function chooseToken(session) {
  let best = null;
  let most = -1;
  session.record.completions.forEach((completion, i) => {
    completion.logprob?.forEach((_, t) => {
      const push = Math.abs(completion.push?.[t] ?? 0);
      if (push > most) [best, most] = [[i, t], push];
    });
  });
  if (best) session.chooseToken(...best);
}

function whereText(answer, session) {
  const { completion, token } = answer.token;
  const size = session.board?.completions[completion]?.length;
  return `token ${token + 1} of ${size}, completion ${completion + 1}`;
}

/** How what is worked out here compares with what the run recorded. */
function recordText(answer, session) {
  const { recorded_push, symbols } = answer.token;
  if (session.trial.active) return `A trial: ${session.methods[session.trial.preset]}.`;
  if (recorded_push === null) return "The run recorded no push.";
  const exact = answer.facts.batch.exact ? "" : ", with the batch size of the metrics";
  const here = number(symbols.push.value, 4);
  return `Push on record: ${number(recorded_push, 4)}; here: ${here}${exact}.`;
}

/** Each line: name, the formula, the same with numbers, and what comes out. */
function drawLines(ui, answer, session) {
  const { symbols } = answer.token;
  const { lines, written: forms } = answer.facts.formula;
  const symbol = (name) => {
    const node = written(forms, name);
    const { entry } = symbols[name];
    node.setAttribute("data-symbol", name);
    node.setAttribute("class", "lab-sym");
    node.setAttribute("tabindex", "0");
    node.setAttribute("role", "button");
    node.setAttribute("aria-label", `${entry}: what is it?`);
    node.addEventListener("click", () => ui.explain(name));
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      ui.explain(name);
    });
    return node;
  };
  const value = (name) => {
    const text = number(symbols[name].value);
    return text.startsWith("−") ? row(op("("), figure(text), op(")")) : figure(text);
  };
  const filled = (of) => {
    const math = m("math", {}, row(op("="), ...draw(of, value)));
    for (const negative of math.querySelectorAll("mrow")) bare(negative);
    return math;
  };
  const written_ = lines.map(({ name, symbol: result, formula: of, words, many }) => {
    const tied = result === "A" && answer.facts.tied ? " all tie" : "";
    const made = draw(of, symbol);
    const means = [m("math", {}, row(symbol(result), op("="), ...made)), ...(words ? [words] : [])];
    // a ratio of whole completions is made of all their tokens, not of this one's numbers
    const numbers = of.length && !many ? [filled(of)] : [];
    return h(
      "div",
      { class: "lab-lens-line", "data-line": name },
      h("span", { class: "lab-lens-name" }, name),
      h("span", { class: "lab-lens-formula" }, ...means, ...numbers),
      h("b", {}, `= ${number(symbols[result].value, 4)}${tied}`),
    );
  });
  if (answer.facts.kl_in_reward) {
    const said = "The KL was taken from the reward, before the advantage.";
    written_.push(h("p", { class: "lab-muted" }, said));
  }
  const focused = document.activeElement?.closest?.(".lab-lens-lines [data-symbol]");
  const key = focused && [focused.closest("[data-line]").dataset.line, focused.dataset.symbol];
  ui.list.replaceChildren(...written_);
  if (key) ui.list.querySelector(`[data-line="${key[0]}"] [data-symbol="${key[1]}"]`)?.focus();
}

/** A negative number needs no brackets where nothing stands before it that could be misread. */
function bare(group) {
  const before = group.previousSibling?.textContent ?? "(";
  const [open, figure_, close] = group.childNodes;
  if (group.childNodes.length !== 3 || open.textContent !== "(" || close.textContent !== ")")
    return;
  if (figure_.localName === "mn" && ["(", ",", "="].includes(before)) group.replaceWith(figure_);
}

/** What a symbol means, and the function that computes it. */
async function explainSymbol(ui, name, session) {
  const { answer } = session.trial;
  const symbol = answer?.token?.symbols?.[name];
  if (!symbol) return;
  ui.chosen = name;
  for (const node of ui.list.querySelectorAll("[data-symbol]")) {
    const chosen = node.getAttribute("data-symbol") === name;
    node.setAttribute("class", chosen ? "lab-sym lab-sym-chosen" : "lab-sym");
  }
  const [entries, source] = await Promise.all([session.glossary(), session.code(symbol.source)]);
  if (ui.chosen !== name) return;
  const title = m("math", {}, written(answer.facts.formula.written, name));
  const meaning =
    symbol.meaning ||
    (explain(entries, symbol.entry)?.meaning ?? "The glossary has no entry for it.");
  const key = JSON.stringify([name, symbol.source]);
  if (ui.explained !== key) {
    ui.explained = key;
    ui.meaning.replaceChildren(
      h("h3", {}, title, ` ${symbol.entry} `, h("b")),
      h("p", {}, meaning),
      h("p", { class: "lab-lens-source" }, source ? `${source.path}, line ${source.line}` : ""),
      h("pre", { tabindex: "0", "aria-label": "Source" }, h("code", {}, source?.text ?? "")),
    );
  }
  setText(ui.meaning.querySelector("b"), number(symbol.value, 4));
}

/** The comparison: a row a method, which is a button that chooses it. */
function drawMethods(ui, answer, session) {
  const methods = Object.entries(answer.token.methods);
  const pushes = methods.map(([, numbers]) => Math.abs(numbers.push ?? 0));
  const largest = Math.max(1e-12, ...pushes);
  resize(ui.table, methods.length, () => {
    const pick = h("button", { type: "button", class: "lab-method" });
    const bar = h("span", { class: "lab-diverge", "aria-hidden": "true" }, h("i"));
    const cells = COLUMNS.map(() => h("td", {}));
    return h("tr", {}, h("th", { scope: "row" }, pick), ...cells, h("td", {}, bar));
  });
  methods.forEach(([name, numbers], i) => {
    const line = ui.table.childNodes[i];
    const pick = line.firstChild.firstChild;
    pick.onclick = () => session.attempt((trial) => trial.choosePreset(name));
    setText(pick, session.methods[name]);
    setAttribute(pick, "aria-pressed", String(name === session.trial.preset));
    pick.disabled = Boolean(numbers.refused);
    setAttribute(line, "title", numbers.refused ?? null);
    setAttribute(line, "data-sign", numbers.push > 0 ? "up" : numbers.push < 0 ? "down" : "flat");
    COLUMNS.forEach(([, key, shown], k) => {
      const held = key === "slope" && numbers.held ? " held" : "";
      setText(line.childNodes[k + 1], numbers.refused ? "–" : shown(numbers[key]) + held);
    });
    const share = (50 * Math.abs(numbers.push ?? 0)) / largest;
    const start = numbers.push < 0 ? 50 - share : 50;
    const bar = line.lastChild.firstChild.firstChild;
    setStyle(bar, `left:${start.toFixed(1)}%;width:${share.toFixed(1)}%`);
  });
}
