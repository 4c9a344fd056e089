/** What to read while there is nothing to see yet: what each step is about to do. */

import { h, resize, setHidden, setText } from "./dom.js";
import { number, rewardSum } from "./format.js";

/**
 * The waiting panel; hidden as soon as the shown run has a step.
 * @param {HTMLElement} parent
 * @param {import("./session.js").Session} session
 * @returns {() => void} update
 */
export function waiting(parent, session) {
  const title = h("h2");
  const list = h("ol", { class: "lab-stages" });
  const element = h("section", { class: "lab-panel", "aria-label": "What a step does" }, title);
  element.append(list);
  parent.append(element);
  return () => {
    const show = session.listed && session.steps.length === 0 && !session.run?.step;
    setHidden(element, !show);
    if (!show) return;
    setText(title, session.run?.live ? "What each step will do" : "What a step of GRPO does");
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
  const sum = parts ? `reward = ${parts}.` : "no other model is asked.";
  return [
    ["Sample", `The model writes ${size} completions of ${many}.`],
    ["Score", `Rules give each completion its reward: ${sum}`],
    ["Compare", "The group's mean is subtracted: what is better than its siblings is positive."],
    ["Push", "Tokens of the better completions become more likely, those of the worse less."],
  ];
}
