// Comforts only: every page works without this script.
"use strict";

for (const place of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const text = place.textContent;
  const button = document.createElement("button");
  button.className = "copy";
  button.textContent = "copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  });
  place.append(button);
}

const tree = document.getElementById("tree");
if (tree) {
  // The tree stays where it was when another of its rows is opened.
  const key = "tree of " + location.pathname;
  const kept = sessionStorage.getItem(key);
  if (kept !== null) tree.scrollTop = Number(kept);
  const current = tree.querySelector("[aria-current]");
  if (current) {
    const [row, frame] = [current.getBoundingClientRect(), tree.getBoundingClientRect()];
    if (row.top < frame.top || row.bottom > frame.bottom) tree.scrollTop += row.top - frame.top - frame.height / 3;
  }
  addEventListener("pagehide", () => sessionStorage.setItem(key, String(tree.scrollTop)));

  // J and K, as in the desktop application, open the row below or above.
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea")) return;
    if (event.key !== "j" && event.key !== "k") return;
    const links = [...tree.querySelectorAll(".row > a")].filter((link) => link.checkVisibility());
    const at = links.findIndex((link) => link.parentElement.hasAttribute("aria-current"));
    links[at + (event.key === "j" ? 1 : -1)]?.click();
  });
}
