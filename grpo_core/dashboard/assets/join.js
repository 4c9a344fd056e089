/**
 * The join page: class code and name in, then the class. Stands alone, as nobody may load more
 * than this before they joined.
 */

const form = document.getElementById("join");
const said = document.getElementById("said");

// The QR code's address carries the class code.
form.elements.code.value = new URLSearchParams(location.search).get("code")?.slice(0, 20) ?? "";

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const body = { code: form.elements.code.value, name: form.elements.name.value };
  try {
    const response = await fetch(new URL("lab/class/join", document.baseURI), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.ok) return location.assign(new URL("./", document.baseURI));
    const answer = await response.json().catch(() => ({}));
    said.textContent = answer.error ?? answer.detail ?? "Refused.";
  } catch {
    said.textContent = "The teacher's machine does not answer: are you in the same network?";
  }
});
