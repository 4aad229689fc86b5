// Refreshes the page in place: every part that is live, while what is typed, opened and focused stays.
"use strict";
const EVERY = 10000;
async function refresh() {
  const root = document.documentElement;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(8000) });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const opened = new Map([...document.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
    const focused = document.activeElement?.closest("details[id]")?.id;
    for (const part of document.querySelectorAll(".live[id]")) {
      const other = fresh.getElementById(part.id);
      if (!other) continue;
      for (const details of other.querySelectorAll("details[id]")) details.open = opened.get(details.id) ?? details.open;
      if (part.innerHTML !== other.innerHTML) part.replaceChildren(...other.childNodes);
      part.className = other.className;
    }
    if (focused && document.activeElement === document.body) document.getElementById(focused)?.querySelector("summary")?.focus();
    document.title = fresh.title;
    root.classList.remove("stale");
  } catch {
    root.classList.add("stale");
    document.title = "no answer: trailnoti";
    document.querySelector("#verdict h1").textContent = "No answer from trailnoti: what is below is old";
    document.getElementById("verdict").className = "live verdict bad";
  }
}

document.addEventListener("keydown", (event) => {
  const search = document.getElementById("q");
  if (event.key === "/" && search && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && document.activeElement === search) {
    search.blur();
  }
});
setInterval(() => document.hidden || refresh(), EVERY);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
