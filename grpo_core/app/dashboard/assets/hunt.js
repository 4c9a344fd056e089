/**
 * The reward-hack hunt: a run was trained with a flawed reward, and the class looks for completions
 * that earn it and do not deserve it. The flags are on the cards (ballot.js), the score is here.
 */

import { h, resize, setHidden, setText } from "./dom.js";
import { rewardName } from "./format.js";

/**
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function hunt(parent, session) {
  const { room } = session;
  const button = (text, act) =>
    h("button", { type: "button", class: "lab-button", onclick: act }, text);
  const begin = button("Begin a reward-hack hunt on this run", () =>
    room.wish("hunt", { run: session.shown }),
  );
  const end = button("End the hunt", () => room.wish("hunt", { run: null }));
  const go = button("Go to the run", () => session.chooseRun(room.hunt.run));
  const title = h("h3", { class: "lab-class-question" });
  const said = h("p", { class: "lab-class-state", role: "status" });
  const board = h("ol", { class: "lab-class-board", "aria-label": "Best hunters" });
  const rule = h("p");
  const rules = h("details", {}, h("summary", {}, "How flags count"), rule);
  const row = h("div", { class: "lab-class-row" }, go, end);
  const element = h("div", { class: "lab-class-hunt" }, title, said, board, rules, row);
  parent.append(begin, element);
  return () => {
    const now = room.hunt;
    setHidden(begin, !room.teacher || Boolean(now) || Boolean(room.poll) || !session.shown);
    setHidden(element, !now);
    if (!now) return;
    const rewards = String(now.reward ?? "").split(", ").filter(Boolean).map(rewardName);
    const by = rewards.length ? `: this run is rewarded for ${rewards.join(" and ")}` : "";
    setText(title, `Reward-hack hunt${by}`);
    setText(rule, now.rule ?? "");
    setText(said, room.teacher ? allWords(now) : ownWords(now.mine));
    setHidden(end, !room.teacher);
    setHidden(go, session.shown === now.run);
    setHidden(row, end.hidden && go.hidden);
    setHidden(board, !now.board?.length);
    resize(board, now.board?.length ?? 0, () => h("li", {}, h("span"), h("b")));
    now.board?.forEach(({ name, score }, i) => {
      setText(board.childNodes[i].firstChild, name);
      setText(board.childNodes[i].lastChild, String(score));
    });
  };
}

function allWords({ flags, hits, misses }) {
  return `${count(flags, "flag")}: ${count(hits, "hit")}, ${count(misses, "miss", "misses")}.`;
}

function ownWords(mine) {
  if (!mine?.flags) return "Flag the cards that earn their reward without deserving it.";
  const { hits, misses, score } = mine;
  return `Your score: ${score}. ${count(hits, "hit")}, ${count(misses, "miss", "misses")}.`;
}

function count(number, one, more = `${one}s`) {
  return `${number} ${number === 1 ? one : more}`;
}
