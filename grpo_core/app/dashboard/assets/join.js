/** The join page: class code and name, then the class. */

const form = document.getElementById("join");
const said = document.getElementById("said");
const button = form.querySelector("button");
const LINE = "Many are joining from your network: stay on this page, it may take a minute.";


const given = new URLSearchParams(location.search).get("code");
if (given) form.elements.code.value = given.slice(0, 20);
(given ? form.elements.name : form.elements.code).focus();

/** Say what is wrong, and go where it can be put right. */
function refuse(sentence, field) {
  said.textContent = sentence;
  for (const input of [form.elements.code, form.elements.name]) {
    if (input === field) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }
  field?.focus();
}

async function join(code, name) {
  try {
    const response = await fetch(new URL("lab/class/join", document.baseURI), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code, name }),
    });
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return null;
    return answer.error ?? answer.detail ?? "That did not work: try again.";
  } catch {
    return "The class does not answer: are you in the same network as your teacher?";
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { code, name } = form.elements;
  if (!code.value.trim()) return refuse("Type the class code: it is on the wall.", code);
  if (!name.value.trim()) return refuse("Type your name.", name);
  button.disabled = true;
  const waiting = setTimeout(() => (said.textContent = LINE), 2000);
  const problem = await join(code.value, name.value);
  clearTimeout(waiting);
  button.disabled = false;
  // the view of a lesson link survives the way over this page
  if (problem === null) location.replace(new URL("./", document.baseURI).href + location.hash);
  else refuse(problem, /name/i.test(problem) ? name : code);
});
