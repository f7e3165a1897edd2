/** A photo with what was found on it: zoom and pan, tiles of large photos, layers. */
import { h } from "./dom.js";

/** As the server cuts them. */
const tileSide = 512;
const mostTiles = 200;
const mostZoom = 8;
/** A pointer that moves less has clicked, px of the screen. */
const clickPx = 5;

/**
 * Shows a photo of this id. `layers()` returns what is drawn over it: shapes of a colour, with boxes
 * or paths in px of the photo.
 *
 * `onMove` is called with the view when a person has moved it, for another canvas of the same photo
 * to `moveTo`.
 *
 * `tool` edits on it: `grab(point)` returns what a drag from there does (`move(point)`, `end()`),
 * or undefined where it moves the photo; `click(point)` takes a click; `draw(context, px)` draws
 * over all, where `px` is one px of the screen; `hover(point)` returns the cursor.
 */
export function photoCanvas({ id, version, widthPx, heightPx, layers, tool, label, onMove }) {
  const canvas = h("canvas", {
    tabindex: "0",
    // With the role `application`, screen readers leave all keys to the page.
    role: tool ? "application" : "img",
    "aria-label": label ?? "The photo. Arrow keys move it, plus and minus zoom, 0 shows all of it.",
  });
  const context = canvas.getContext("2d");
  const url = (part) => `/pictures/${id}/${part}?v=${version}`;
  const whole = new Image();
  const tiles = new Map();
  /** Screen px per px of the photo, and where its corner is. */
  let [scale, left, top] = [0, 0, 0];
  let fit = 1;
  let frame = 0;
  const pointers = new Map();
  /** What the pointer drags, where it began, and where the pointer is. */
  let [drag, pressed, hovered] = [];

  const redraw = () => {
    if (frame !== 0) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      draw();
    });
  };
  whole.addEventListener("load", redraw);
  whole.addEventListener("error", () => {
    canvas.dispatchEvent(new Event("nopicture"));
    redraw();
  });
  whole.src = url("view");

  function resize() {
    const { width, height } = canvas.getBoundingClientRect();
    if (width === 0) return;
    const wasFit = scale === 0 || scale === fit;
    [canvas.width, canvas.height] = [width, height].map((px) => Math.round(px * devicePixelRatio));
    fit = Math.min(width / widthPx, height / heightPx);
    if (wasFit) scale = fit;
    keepInside();
    redraw();
  }

  function showAll() {
    scale = fit;
    keepInside();
    redraw();
    moved();
  }

  function moved() {
    const [x, y] = toPhoto(size().map((px) => px / 2));
    onMove?.({ zoomed: scale / fit, x, y });
  }

  /** Shows what another canvas of the photo shows, which may have another size. */
  function moveTo({ zoomed, x, y }) {
    scale = zoomed * fit;
    const [width, height] = size();
    left = width / 2 - scale * x;
    top = height / 2 - scale * y;
    keepInside();
    redraw();
  }

  function size() {
    return [canvas.width / devicePixelRatio, canvas.height / devicePixelRatio];
  }

  function keepInside() {
    const [width, height] = size();
    const inside = (at, shown, room) =>
      shown <= room ? (room - shown) / 2 : Math.min(0, Math.max(room - shown, at));
    left = inside(left, scale * widthPx, width);
    top = inside(top, scale * heightPx, height);
  }

  /** Zooms by a factor, around a point of the screen. */
  function zoom(factor, [x, y] = size().map((px) => px / 2)) {
    const next = Math.min(Math.max(fit, mostZoom), Math.max(fit, scale * factor));
    left = x - ((x - left) * next) / scale;
    top = y - ((y - top) * next) / scale;
    scale = next;
    keepInside();
    redraw();
    moved();
  }

  function pan(dx, dy) {
    left += dx;
    top += dy;
    keepInside();
    redraw();
    moved();
  }

  function toPhoto([x, y]) {
    return [(x - left) / scale, (y - top) / scale];
  }

  /** The part of the photo that is seen, as a box. */
  function seen() {
    const [x2, y2] = toPhoto(size());
    return [
      ...toPhoto([0, 0]).map((px) => Math.max(0, px)),
      Math.min(widthPx, x2),
      Math.min(heightPx, y2),
    ];
  }

  /** Brings a box into view; `share` is how much of the view it shall take, if it is small. */
  function show([x1, y1, x2, y2], share = 0) {
    const [width, height] = size();
    const wanted = share * Math.min(width / Math.max(1, x2 - x1), height / Math.max(1, y2 - y1));
    if (wanted > scale) scale = Math.min(Math.max(fit, mostZoom / 2), wanted);
    const [a, b, c, d] = seen();
    if (share > 0 || x1 < a || y1 < b || x2 > c || y2 > d) {
      left = width / 2 - (scale * (x1 + x2)) / 2;
      top = height / 2 - (scale * (y1 + y2)) / 2;
    }
    keepInside();
    redraw();
  }

  function draw() {
    const ratio = devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * left, ratio * top);
    context.imageSmoothingEnabled = scale < 3;
    if (whole.complete && whole.naturalWidth > 0) {
      context.drawImage(whole, 0, 0, widthPx, heightPx);
      canvas.dataset.picture = "whole";
    }
    drawTiles();
    const px = 1 / scale;
    for (const { colour, boxes = [], paths = [], fill, width = 1.5, dash = [] } of layers()) {
      context.strokeStyle = colour;
      context.lineWidth = width * px;
      context.setLineDash(dash.map((length) => length * px));
      for (const path of paths) {
        if (fill) {
          context.fillStyle = colour;
          context.globalAlpha = 0.13;
          context.fill(path, "evenodd");
          context.globalAlpha = 1;
        }
        context.stroke(path);
      }
      context.beginPath();
      for (const [x1, y1, x2, y2] of boxes) context.rect(x1, y1, x2 - x1, y2 - y1);
      context.stroke();
    }
    context.setLineDash([]);
    tool?.draw(context, px);
  }

  /** Where the picture of the whole photo is too coarse, tiles are fetched of what is seen. */
  function drawTiles() {
    const wanted = scale * devicePixelRatio;
    const has = whole.naturalWidth / widthPx;
    if (!(whole.naturalWidth > 0) || wanted <= 1.2 * has || has >= 1) return;
    const level = Math.max(0, Math.floor(Math.log2(1 / wanted)));
    const span = tileSide * 2 ** level;
    const [width, height] = size();
    const from = [-left, -top].map((px) => Math.max(0, Math.floor(px / scale / span)));
    const to = [
      [width - left, widthPx],
      [height - top, heightPx],
    ].map(([px, most]) => Math.min(Math.ceil(most / span), Math.ceil(px / scale / span)));
    for (let row = from[1]; row < to[1]; row++) {
      for (let column = from[0]; column < to[0]; column++) {
        const image = tileOf(`${level}/${column}/${row}`);
        if (!image.complete || image.naturalWidth === 0) continue;
        const [x, y] = [column * span, row * span];
        context.drawImage(image, x, y, Math.min(span, widthPx - x), Math.min(span, heightPx - y));
      }
    }
  }

  function tileOf(key) {
    let image = tiles.get(key);
    if (image === undefined) {
      image = new Image();
      image.addEventListener("load", redraw);
      image.src = url(`tile/${key}`);
      tiles.set(key, image);
      const [oldest] = tiles.keys();
      if (tiles.size > mostTiles) tiles.delete(oldest);
    }
    return image;
  }

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = canvas.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 400), [event.clientX - x, event.clientY - y]);
    },
    { passive: false },
  );
  const at = (event) => {
    const { x, y } = canvas.getBoundingClientRect();
    return [event.clientX - x, event.clientY - y];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    // A second finger zooms, and what the first one began is left as it was.
    if (pointers.size > 1) {
      drag?.cancel?.();
      [drag, pressed] = [];
      return;
    }
    if (event.button !== 0) return;
    pressed = at(event);
    drag = tool?.grab(toPhoto(pressed), event.pointerType);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    hovered = at(event);
    if (before === undefined) {
      if (tool) canvas.style.cursor = tool.hover(toPhoto(hovered));
      return;
    }
    const distance = () => {
      const [a, b] = [...pointers.values()];
      return Math.hypot(a[0] - b[0], a[1] - b[1]);
    };
    if (pressed && Math.hypot(hovered[0] - pressed[0], hovered[1] - pressed[1]) > clickPx)
      pressed = undefined;
    const apart = pointers.size === 2 ? distance() : 0;
    pointers.set(event.pointerId, [event.clientX, event.clientY]);
    if (pointers.size === 2) {
      const { x, y } = canvas.getBoundingClientRect();
      const [a, b] = [...pointers.values()];
      zoom(distance() / Math.max(1, apart), [(a[0] + b[0]) / 2 - x, (a[1] + b[1]) / 2 - y]);
    } else if (drag && !pressed) drag.move(toPhoto(hovered));
    else if (!drag) pan(event.clientX - before[0], event.clientY - before[1]);
  });
  canvas.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    if (pressed) tool?.click(toPhoto(pressed));
    else drag?.end();
    [drag, pressed] = [];
  });
  canvas.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    drag?.cancel?.();
    [drag, pressed] = [];
  });
  canvas.addEventListener("pointerleave", () => {
    hovered = undefined;
  });
  canvas.addEventListener("dblclick", (event) => {
    if (tool) return;
    const { x, y } = canvas.getBoundingClientRect();
    zoom(2, [event.clientX - x, event.clientY - y]);
  });
  const keys = {
    "+": () => zoom(1.5),
    "=": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    0: showAll,
    ArrowLeft: () => pan(80, 0),
    ArrowRight: () => pan(-80, 0),
    ArrowUp: () => pan(0, 80),
    ArrowDown: () => pan(0, -80),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  const observer = new ResizeObserver(resize);
  observer.observe(canvas);
  return {
    canvas,
    redraw,
    zoom,
    showAll,
    moveTo,
    show,
    seen,
    get scale() {
      return scale;
    },
    /** Where the pointer is on the photo; undefined where it is elsewhere. */
    get pointer() {
      return hovered && toPhoto(hovered);
    },
    leave: () => observer.disconnect(),
  };
}
