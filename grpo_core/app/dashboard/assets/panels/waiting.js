/** What to read while there is nothing to see yet: what each step is about to do. */

import { h, resize, setHidden, setText } from "../core/dom.js";
import { number, rewardSum } from "../core/format.js";

/**
 * The waiting panel; hidden as soon as the shown run has a step.
 * @param {HTMLElement} parent
 * @param {import("../core/session.js").Session} session
 * @returns {() => void} update
 */
export function waiting(parent, session) {
  const title = h("h2");
  const list = h("ol", { class: "lab-stages" });
  const element = h("section", { class: "lab-panel", "aria-label": "What one training step does" }, title);
  element.append(list);
  parent.append(element);
  return () => {
    const show = session.listed && session.steps.length === 0 && !session.run?.step;
    setHidden(element, !show);
    if (!show) return;
    setText(title, session.run?.live ? "What each training step will do" : "What one GRPO step does");
    const stages = describe(session.run?.config ?? {});
    resize(list, stages.length, () => h("li", {}, h("b"), h("span")));
    stages.forEach(([name, text], i) => {
      setText(list.childNodes[i].firstChild, name);
      setText(list.childNodes[i].lastChild, text);
    });
  };
}

function describe(config) {
  const size = config.num_generations ?? "G";
  const prompts = config.generation_batch_size / config.num_generations;
  const many = Number.isFinite(prompts) ? `each of ${number(prompts)} prompts` : "each prompt";
  const parts = rewardSum(config);
  const sum = parts ? `reward = ${parts}.` : "there is no reward model.";
  return [
    ["Sample", `The model samples ${size} completions of ${many}.`],
    ["Reward", `Rules compute each completion's reward: ${sum}`],
    ["Advantage", "The group's mean reward is subtracted: a completion better than its group gets a positive advantage."],
    ["Update", "Tokens of completions above the mean become more likely, those below it less likely."],
  ];
}
