// The box to sign in. Draws with finger, pen or mouse and writes the strokes into a hidden field as
// {"width", "height", "lines": [[[x, y], …], …]}. Without it, and for the keyboard, the name can be typed.

const MOST_POINTS = 4000;

for (const box of document.querySelectorAll("[data-signature]")) {
  const canvas = box.querySelector("canvas");
  const field = box.closest("form").querySelector("[name=signature]");
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  let lines = [];
  let points = 0;
  let line = null;
  canvas.style.touchAction = "none"; // the finger draws, the page stays
  box.hidden = false;
  pen.lineWidth = 3;
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = getComputedStyle(canvas).color;

  const at = (event) => {
    const frame = canvas.getBoundingClientRect();
    const place = (value, from, size, units) =>
      Math.max(0, Math.min(units, Math.round(((value - from) / size) * units)));
    return [
      place(event.clientX, frame.left, frame.width, width),
      place(event.clientY, frame.top, frame.height, height),
    ];
  };
  const keep = () => {
    field.value = lines.length ? JSON.stringify({ width, height, lines }) : "";
  };
  const draw = (from, to) => {
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (points >= MOST_POINTS) return;
    canvas.setPointerCapture(event.pointerId);
    line = [at(event)];
    lines.push(line);
    points += 1;
    draw(line[0], line[0]);
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!line || points >= MOST_POINTS) return;
    const next = at(event);
    const last = line[line.length - 1];
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) < 2) return;
    draw(last, next);
    line.push(next);
    points += 1;
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      line = null;
      keep();
    });
  }
  box.querySelector("[data-clear]").addEventListener("click", () => {
    lines = [];
    points = 0;
    pen.clearRect(0, 0, width, height);
    keep();
  });
}
