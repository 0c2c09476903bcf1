// Behaviour shared by all pages. An ES module without dependencies; every feature works through
// data attributes, so pages need no script of their own. Texts come translated from <body data-t-…>.

const body = document.body;
const text = (key) => body.dataset[`t${key}`] || "";
const language = document.documentElement.lang || "en";

// --- toasts -----------------------------------------------------------------------------------
const icons = { error: "circle-alert", warning: "triangle-alert", success: "circle-check", info: "info" };

export function toast(message, level = "info", seconds = 6) {
  const region = document.getElementById("toasts");
  const model = document.getElementById("toast-model");
  if (!region || !model || !message) return;
  const node = model.content.firstElementChild.cloneNode(true);
  node.classList.add(level);
  for (const icon of node.querySelectorAll("[data-icon]")) {
    if (icon.dataset.icon !== icons[level] && icon.dataset.icon !== "x") icon.remove();
  }
  node.querySelector("p").textContent = message;
  region.append(node);
  arm(node, level === "error" ? 0 : seconds);
}

function arm(node, seconds) {
  if (seconds > 0) setTimeout(() => node.remove(), seconds * 1000);
}
for (const node of document.querySelectorAll("#toasts .toast")) {
  arm(node, node.classList.contains("error") ? 0 : 7);
}

// --- dialogs and menus ------------------------------------------------------------------------
function ask(message, action, danger) {
  const dialog = document.getElementById("confirm");
  if (!dialog) return Promise.resolve(window.confirm(message));
  dialog.querySelector("[data-message]").textContent = message;
  const yes = dialog.querySelector("[value=yes]");
  yes.textContent = action || yes.dataset.label;
  yes.classList.toggle("btn-error", Boolean(danger));
  yes.classList.toggle("btn-primary", !danger);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-dialog], [data-close], [data-copy], [data-dismiss], [data-print]");
  if (target?.dataset.dialog) {
    document.getElementById(target.dataset.dialog)?.showModal();
    event.preventDefault();
  } else if (target && "close" in target.dataset) {
    target.closest("dialog")?.close();
  } else if (target && "dismiss" in target.dataset) {
    target.closest(".toast, .notice")?.remove();
  } else if (target && "print" in target.dataset) {
    window.print();
  } else if (target?.dataset.copy) {
    event.preventDefault();
    copy(target.dataset.copy);
  }
  if (event.target instanceof HTMLDialogElement && event.target.open) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right
      && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside && !event.target.querySelector("form[data-changed]")) event.target.close();
  }
  for (const menu of document.querySelectorAll("details.dropdown[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.dropdown[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.querySelector("[data-search-main]");
    if (search && search.offsetParent) {
      event.preventDefault();
      search.focus();
    }
  }
});

async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "sr-only";
    body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(text("Copied"), "success", 3);
}

// --- forms: ask first, send once, warn before losing what was typed ---------------------------
const asked = new WeakSet();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  const question = button?.dataset.confirm || form.dataset.confirm;
  if (question && !asked.has(form)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    const source = button?.dataset.confirm ? button : form;
    if (await ask(question, source.dataset.confirmAction, "danger" in source.dataset)) {
      asked.add(form);
      form.requestSubmit(button || undefined);
    }
    return;
  }
  asked.delete(form);
  if (form.method === "get" || form.method === "dialog" || "many" in form.dataset) return;
  if (form.dataset.sent) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.sent = "1";
  delete form.dataset.changed;
  // After the browser has collected the form's data, or a disabled button's value would be missing.
  setTimeout(() => {
    for (const b of form.querySelectorAll("button:not([type=button]), input[type=submit]")) b.setAttribute("aria-busy", "true");
  });
}, true);

function release(root = document) {
  for (const form of [...root.querySelectorAll("form[data-sent]"), ...(root.matches?.("form[data-sent]") ? [root] : [])]) {
    delete form.dataset.sent;
    for (const b of form.querySelectorAll("[aria-busy=true]")) b.removeAttribute("aria-busy");
  }
}
window.addEventListener("pageshow", () => release());

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form && "dirty" in form.dataset) form.dataset.changed = "1";
});
window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-changed]")) event.preventDefault();
});
document.addEventListener("change", (event) => {
  if ("autosubmit" in event.target.dataset) event.target.form.requestSubmit();
});

function focusProblems(root = document) {
  root.querySelector("[data-error-summary]")?.focus();
}
focusProblems();

// --- htmx -------------------------------------------------------------------------------------
const token = document.querySelector("meta[name=csrf-token]")?.content;
document.addEventListener("htmx:configRequest", (event) => {
  if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token;
});
// Lists: empty filters do not stand in the address, and the filter form follows the address.
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches("form.filters")) return;
  const parameters = event.detail.parameters;
  for (const [key, value] of Object.entries(parameters)) if (value === "") delete parameters[key];
});
document.addEventListener("htmx:pushedIntoHistory", () => {
  const wanted = new URL(location.href).searchParams;
  for (const control of document.querySelectorAll("form.filters [name]")) {
    if (control === document.activeElement && control.type === "search") continue;
    if (control.type === "checkbox") control.checked = wanted.get(control.name) === control.value;
    else control.value = wanted.get(control.name) || "";
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-export]");
  if (!link) return;
  const here = new URL(location.href);
  here.searchParams.delete("page");
  here.searchParams.set("export", new URL(link.href).searchParams.get("export"));
  link.href = here.href;
}, true);
document.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  ask(event.detail.question, event.detail.elt.dataset.confirmAction, "danger" in event.detail.elt.dataset)
    .then((yes) => yes && event.detail.issueRequest(true));
});
// A refused request never replaces the page: what was typed stays, a toast says what happened.
document.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  release();
  const key = { 401: "SignIn", 403: "Forbidden", 404: "Missing", 409: "Conflict", 429: "Busy", 503: "Busy" }[status] || "Failed";
  toast(event.detail.xhr.getResponseHeader("X-Message") || text(key), "error");
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => { release(); toast(text("Offline"), "error"); });
}
document.addEventListener("htmx:afterRequest", () => release());
document.addEventListener("htmx:afterSwap", (event) => { focusProblems(event.target); tick(); });
// A select whose options are fetched anew keeps what was chosen in it, also meanwhile, as soon as that is offered.
const chosen = new WeakMap();
document.addEventListener("change", (event) => chosen.delete(event.target));
document.addEventListener("htmx:beforeSwap", (event) => {
  const select = event.detail.target;
  if (select instanceof HTMLSelectElement) chosen.set(select, { now: select.value, wanted: select.value || chosen.get(select)?.wanted });
});
document.addEventListener("htmx:afterSwap", (event) => {
  const { now, wanted } = chosen.get(event.target) || {};
  if (!wanted || ![...event.target.options].some((option) => option.value === wanted)) return;
  event.target.value = wanted;
  // What follows from it was asked for while it was empty.
  if (now !== wanted) event.target.dispatchEvent(new Event("change", { bubbles: true }));
});
document.addEventListener("toast", (event) => toast(event.detail.text || event.detail.value, event.detail.level));
window.addEventListener("offline", () => toast(text("Offline"), "warning"));

// --- tables: what does not fit in the card leaves, column by column, the least important first ---
function fit(wrap) {
  const table = wrap.querySelector("table");
  const more = wrap.parentElement.querySelector("[data-all-columns]");
  for (const cell of table.querySelectorAll("[data-left]")) { cell.hidden = false; delete cell.dataset.left; }
  const asTable = getComputedStyle(table).display === "table";
  const heads = [...table.tHead.rows[0].cells].map((cell, at) => ({ leaves: Number(cell.dataset.leaves), at }));
  const order = heads.filter((head) => head.leaves > 0).sort((a, b) => b.leaves - a.leaves || b.at - a.at);
  let left = false;
  while (asTable && !("all" in wrap.dataset) && wrap.scrollWidth > wrap.clientWidth && order.length) {
    const { at } = order.shift();
    for (const row of table.rows) { row.cells[at].hidden = true; row.cells[at].dataset.left = ""; }
    left = true;
  }
  if (more) more.hidden = !left;
  wrap.dataset.width = wrap.clientWidth;
}
// The card becomes wider or narrower, or its words do (paper, another font).
const watched = new ResizeObserver((entries) => {
  for (const wrap of new Set(entries.map((entry) => entry.target.closest("[data-fit]")))) {
    const wider = wrap.clientWidth - Number(wrap.dataset.width);
    // A little wider is the page's scroll bar that went because rows became lower: beginning anew would bring it back.
    if (wider >= 0 && wider < 24 && wrap.scrollWidth <= wrap.clientWidth) continue;
    fit(wrap);
  }
});
function fitTables() {
  watched.disconnect();
  for (const wrap of document.querySelectorAll("[data-fit]")) {
    fit(wrap);
    watched.observe(wrap);
    watched.observe(wrap.querySelector("table"));
  }
}
fitTables();
for (const name of ["htmx:afterSwap", "htmx:historyRestore"]) document.addEventListener(name, fitTables);
document.addEventListener("click", (event) => {
  const region = event.target.closest("[data-all-columns]")?.closest(".list-region");
  if (!region) return;
  const wrap = region.querySelector("[data-fit]");
  wrap.dataset.all = "";
  wrap.tabIndex = 0;
  fit(wrap);
  wrap.focus();
});

// --- times that move: <time data-deadline>, <time data-relative> ------------------------------
const unit = (value, name) => new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });

function span(seconds) {
  if (seconds < 60) return unit(Math.floor(seconds), "second");
  if (seconds < 3600) return unit(Math.floor(seconds / 60), "minute");
  if (seconds < 86400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return unit(Math.floor(seconds / 3600), "hour") + (minutes ? ` ${unit(minutes, "minute")}` : "");
  }
  return unit(Math.floor(seconds / 86400), "day");
}

function tick() {
  const now = Date.now();
  for (const node of document.querySelectorAll("time[data-deadline]")) {
    const left = (Date.parse(node.dateTime) - now) / 1000;
    const box = node.closest(".deadline");
    box?.classList.toggle("late", left <= 0);
    box?.classList.toggle("soon", left > 0 && left < Number(node.dataset.deadline || 900));
    node.textContent = left > 0 ? span(left) : node.dataset.late;
  }
  for (const node of document.querySelectorAll("time[data-relative]")) {
    const ago = (Date.parse(node.dateTime) - now) / 1000;
    const size = Math.abs(ago);
    if (size < 60) node.textContent = node.dataset.now;
    else if (size < 3600) node.textContent = relative.format(Math.round(ago / 60), "minute");
    else if (size < 86400) node.textContent = relative.format(Math.round(ago / 3600), "hour");
    else if (size < 604800) node.textContent = relative.format(Math.round(ago / 86400), "day");
  }
}
if (!("still" in body.dataset)) {
  tick();
  setInterval(tick, 1000 * 5);
}
