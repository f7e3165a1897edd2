// What the page does beyond being read: it sorts tables, shows and hides layers, and shows pictures
// at full size. Without it everything is still there, and a picture opens where it is.

function all(selector, from = document) {
  return [...from.querySelectorAll(selector)];
}

for (const table of all("table.sortable")) makeSortable(table);
for (const fieldset of all(".toggles")) fieldset.hidden = false;
followCheckboxes(all("input[data-layer]"));
const viewer = document.getElementById("viewer");
if (viewer?.showModal) showPicturesIn(viewer);

/** Makes a button of each column's head. */
function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  for (const [column, head] of heads.entries()) {
    if (head.classList.contains("unsorted")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const wasAscending = head.getAttribute("aria-sort") === "ascending";
      const isNumber = head.classList.contains("number");
      const isAscending = head.hasAttribute("aria-sort") ? !wasAscending : !isNumber;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
      sortRows(table.tBodies[0], { column, isNumber, isAscending });
    });
  }
}

function sortRows(body, { column, isNumber, isAscending }) {
  const sortKey = (row) => {
    const cell = row.cells[column];
    return isNumber ? Number(cell.dataset.value) : cell.textContent;
  };
  const compare = isNumber
    ? (a, b) => sortKey(a) - sortKey(b)
    : (a, b) => sortKey(a).localeCompare(sortKey(b), undefined, { numeric: true });
  body.append(...[...body.rows].sort((a, b) => (isAscending ? compare(a, b) : compare(b, a))));
}

/** Shows and hides layers on all pictures; the checkboxes of a layer agree. */
function followCheckboxes(boxes) {
  for (const box of boxes) {
    box.addEventListener("change", () => {
      const { layer } = box.dataset;
      document.documentElement.classList.toggle(`without-${layer}`, !box.checked);
      for (const twin of boxes) if (twin.dataset.layer === layer) twin.checked = box.checked;
    });
  }
}

/** Opens pictures in a dialog, where one steps from each to the next and zooms. */
function showPicturesIn(dialog) {
  const stage = dialog.querySelector(".stage");
  const zoomButton = dialog.querySelector("[data-do=zoom]");
  const cards = all(".card").filter((card) => card.querySelector("a.shot"));
  let shown = 0;
  const isZoomed = () => stage.classList.contains("zoomed");
  /** Brings a place of the picture, in shares of its size, to the middle of the window. */
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
    const name = dialog.querySelector("#viewer-name");
    name.textContent = card.querySelector("h3").textContent;
    name.title = card.querySelector("h3 bdi").title;
    dialog.querySelector("#viewer-about").textContent = card.querySelector(".about p").textContent;
    dialog.querySelector("#viewer-place").textContent = `${shown + 1} of ${cards.length}`;
    zoom(false);
  };
  const actions = {
    zoom: () => zoom(!isZoomed()),
    close: () => dialog.close(),
    back: () => show(shown - 1),
    next: () => show(shown + 1),
  };
  for (const [index, card] of cards.entries()) {
    card.querySelector("a.shot").addEventListener("click", (event) => {
      event.preventDefault();
      dialog.showModal();
      show(index);
    });
  }
  for (const button of all("[data-do]", dialog)) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }
  stage.addEventListener("click", (event) => {
    const frame = event.target.closest(".frame");
    if (frame === null) return;
    const { left, top, width, height } = frame.getBoundingClientRect();
    zoom(!isZoomed(), (event.clientX - left) / width, (event.clientY - top) / height);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => stage.replaceChildren());
  dialog.addEventListener("keydown", (event) => {
    if (isZoomed()) return;
    if (event.key === "ArrowLeft") actions.back();
    if (event.key === "ArrowRight") actions.next();
  });
}
