// The live preview of the mapping editor. Each change asks anew and drops the answer before; the server stops reading for it.
// The answer holds several fragments, the later one replaces the earlier: first numbers from a part of the items, then all of them.

const END = "\n<!--next-->\n";
const DELAY = 300; // milliseconds without a change
const form = document.getElementById("mapping");
const body = document.getElementById("preview-body");
const state = document.getElementById("preview-state");
const said = document.getElementById("preview-said");
const outcome = document.getElementById("outcome");
// What does not change the number: searching, names, reasons.
const IDLE = ["q", "known", "owner", "reason", "version", "csrf_token", "parts_of"];
let running = null;
let timer = 0;
let asked = "";

function filled() {
  return new URLSearchParams(new FormData(form));
}

function identity(data) {
  return [...data].filter(([name]) => !IDLE.includes(name)).map(([name, value]) => `${name}=${value}`).join("\n");
}

function later(delay = DELAY) {
  clearTimeout(timer);
  timer = setTimeout(ask, delay);
}

async function ask() {
  const data = filled();
  const wish = identity(data);
  if (wish === asked) return;
  asked = wish;
  running?.abort();
  const mine = (running = new AbortController());
  body.classList.add("old");
  outcome.textContent = "";
  state.textContent = "reading …";
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body: data, signal: mine.signal });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    await show(answer.body.pipeThrough(new TextDecoderStream()).getReader(), mine);
  } catch (error) {
    if (error.name === "AbortError" || mine !== running) return;
    asked = "";
    state.textContent = "not read";
    put(document.createRange().createContextualFragment('<p class="note"><span></span><span>The preview could not be read. What you entered is still here; change something to try again.</span></p>'));
  }
}

async function show(reader, mine) {
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (mine !== running) return;
    rest += value ?? "";
    const parts = rest.split(END);
    rest = parts.pop();
    if (parts.length) replace(parts.at(-1));
    if (done) return;
  }
}

function replace(html) {
  const fresh = document.createRange().createContextualFragment(html);
  const told = fresh.querySelector("[data-state]");
  if (!told) return;
  state.textContent = told.dataset.state;
  if (!("partial" in told.dataset)) {
    outcome.textContent = told.dataset.outcome ?? "";
    said.textContent = told.dataset.said ?? told.textContent.trim();
  }
  mark([...told.querySelectorAll("[data-at]")]);
  put(fresh);
}

function put(fresh) {
  body.replaceChildren(fresh);
  body.classList.remove("old");
}

// A refusal by the host stands at its field too, as long as nothing else is wrong there.
function mark(faults) {
  for (const old of form.querySelectorAll("[data-live-error]")) {
    old.closest(".field")?.classList.remove("bad");
    old.remove();
  }
  for (const fault of faults) {
    const field = document.getElementById(`f-${fault.dataset.at}`);
    if (!field?.value || field.offsetParent === null || document.getElementById(`e-${fault.dataset.at}`)) continue;
    const line = document.createElement("p");
    line.className = "error";
    line.dataset.liveError = "";
    line.textContent = fault.textContent.trim();
    field.after(line);
    field.closest(".field")?.classList.add("bad");
  }
}

// Parts of the form come anew from the server. What was changed after they were asked for must not be lost with the old ones.
const sent = new WeakMap();
let changed = [];

function values() {
  const found = new Map();
  for (const [name, value] of new FormData(form)) found.set(name, [...(found.get(name) ?? []), value]);
  return found;
}

function keep(event) {
  const before = sent.get(event.detail.xhr);
  changed = before ? [...values()].filter(([name, now]) => !IDLE.includes(name) && now.join("\n") !== (before.get(name) ?? []).join("\n")) : [];
}

// A select that no longer offers a value would send nothing at all, and the rows of the filter would move up.
function takes(control, value) {
  return value !== undefined && (!control.matches("select") || [...control.options].some((each) => each.value === value));
}

function giveBack() {
  for (const [name, now] of changed) {
    const controls = [...form.elements].filter((each) => each.name === name);
    const boxes = controls.filter((each) => each.matches("[type=checkbox], [type=radio]"));
    for (const box of boxes) box.checked = now.includes(box.value);
    controls.filter((each) => !boxes.includes(each)).forEach((each, place) => takes(each, now[place]) && (each.value = now[place]));
    for (const lost of name === "epic" ? now.filter((value) => !boxes.some((box) => box.value === value)) : []) {
      document.getElementById("choices")?.append(Object.assign(document.createElement("input"), { type: "hidden", name, value: lost }));
    }
  }
  changed = [];
}

if (form) {
  document.addEventListener("htmx:beforeRequest", (event) => sent.set(event.detail.xhr, values()));
  document.addEventListener("htmx:beforeSwap", keep);
  document.addEventListener("htmx:afterSwap", giveBack);
  form.addEventListener("input", (event) => {
    if (!IDLE.includes(event.target.name)) later();
  });
  form.addEventListener("change", (event) => {
    if (!IDLE.includes(event.target.name)) later(event.target.matches("textarea, input[type=text]") ? DELAY : 0);
  });
  // Typing has looked already: Enter must neither save the form nor replace the list that the next key will act on.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input[type=search]")) event.preventDefault();
  });
  document.addEventListener("htmx:afterSettle", () => later(0));
  later(0);
}
