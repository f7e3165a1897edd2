/**
 * What the page does beyond being read: sorting, showing and hiding layers, and pictures at full
 * size. Without it everything is still there, and a picture opens where it is.
 */
export const reportScript = `"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  for (const table of all("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (head.classList.contains("unsorted")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const wasUp = head.getAttribute("aria-sort") === "ascending";
        const isNumber = head.classList.contains("number");
        const isUp = head.hasAttribute("aria-sort") ? !wasUp : !isNumber;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
        const valueOf = (row) => {
          const cell = row.cells[column];
          return isNumber ? Number(cell.dataset.value) : cell.textContent;
        };
        const compare = isNumber
          ? (a, b) => valueOf(a) - valueOf(b)
          : (a, b) => valueOf(a).localeCompare(valueOf(b), undefined, { numeric: true });
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((a, b) => (isUp ? compare(a, b) : compare(b, a)));
        body.append(...rows);
      });
    });
  }

  for (const fieldset of all(".toggles")) fieldset.hidden = false;
  const boxes = all("input[data-layer]");
  for (const box of boxes) {
    box.addEventListener("change", () => {
      root.classList.toggle("without-" + box.dataset.layer, !box.checked);
      for (const twin of boxes) {
        if (twin.dataset.layer === box.dataset.layer) twin.checked = box.checked;
      }
    });
  }

  const viewer = document.getElementById("viewer");
  if (viewer === null || viewer.showModal === undefined) return;
  const stage = viewer.querySelector(".stage");
  const zoomButton = viewer.querySelector("[data-do=zoom]");
  const cards = all(".card").filter((card) => card.querySelector("a.shot"));
  let shown = 0;
  const isZoomed = () => stage.classList.contains("zoomed");
  /** Shows a place of the picture, in shares of it, in the middle of the window. */
  const zoom = (isLarge, x = 0.5, y = 0.5) => {
    stage.classList.toggle("zoomed", isLarge);
    zoomButton.setAttribute("aria-pressed", String(isLarge));
    const frame = stage.firstElementChild;
    stage.scrollTo(
      frame.offsetLeft + x * frame.offsetWidth - stage.clientWidth / 2,
      frame.offsetTop + y * frame.offsetHeight - stage.clientHeight / 2,
    );
  };
  const show = (index) => {
    shown = (index + cards.length) % cards.length;
    const card = cards[shown];
    stage.replaceChildren(card.querySelector(".frame").cloneNode(true));
    const name = viewer.querySelector("#viewer-name");
    name.textContent = card.querySelector("h3").textContent;
    name.title = card.querySelector("h3 bdi").title;
    viewer.querySelector("#viewer-about").textContent = card.querySelector(".about p").textContent;
    viewer.querySelector("#viewer-place").textContent = shown + 1 + " of " + cards.length;
    zoom(false);
  };
  const actions = {
    zoom: () => zoom(!isZoomed()),
    close: () => viewer.close(),
    back: () => show(shown - 1),
    next: () => show(shown + 1),
  };
  cards.forEach((card, index) => {
    card.querySelector("a.shot").addEventListener("click", (event) => {
      event.preventDefault();
      viewer.showModal();
      show(index);
    });
  });
  for (const button of all("[data-do]", viewer)) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }
  stage.addEventListener("click", (event) => {
    const frame = event.target.closest(".frame");
    if (frame === null) return;
    const { left, top, width, height } = frame.getBoundingClientRect();
    zoom(!isZoomed(), (event.clientX - left) / width, (event.clientY - top) / height);
  });
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) viewer.close();
  });
  viewer.addEventListener("close", () => stage.replaceChildren());
  viewer.addEventListener("keydown", (event) => {
    if (isZoomed()) return;
    if (event.key === "ArrowLeft") actions.back();
    if (event.key === "ArrowRight") actions.next();
  });
})();
`;
