/** The join page: class code and name, then the class. */

const form = /** @type {HTMLFormElement} */ (document.getElementById("join"));
const fields = /** @type {Object<string, HTMLInputElement>} */ (
  /** @type {unknown} */ (form.elements)
);
const said = document.getElementById("said");
const button = form.querySelector("button");
const LINE = "Many students are joining from your network. Stay on this page; it may take a minute.";


const given = new URLSearchParams(location.search).get("code");
if (given) fields.code.value = given.slice(0, 20);
(given ? fields.name : fields.code).focus();

/** Say what is wrong, and go where it can be put right. */
function refuse(sentence, field) {
  said.textContent = sentence;
  for (const input of [fields.code, fields.name]) {
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
    return answer.error ?? answer.detail ?? "Joining failed. Try again.";
  } catch {
    return "The class server does not answer. Check that you are in the same network as your teacher.";
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { code, name } = fields;
  if (!code.value.trim()) return refuse("Type the class code; your teacher shows it on the screen.", code);
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
