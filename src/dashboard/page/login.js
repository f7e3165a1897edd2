/** Logs in, and goes to the screen that was asked for. */

const form = document.querySelector("form");
const problem = document.getElementById("trouble");

document.getElementById("password").focus();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  problem.textContent = "";
  const body = JSON.stringify({ password: document.getElementById("password").value });
  const headers = { "content-type": "application/json" };
  try {
    const response = await fetch("/login", { method: "POST", headers, body });
    if (response.ok) location.replace(`/${location.hash}`);
    else problem.textContent = (await response.json()).error;
  } catch {
    problem.textContent = "The server does not answer.";
  }
});
