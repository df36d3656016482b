// Moving work in the sandbox: drag and drop, arrow keys, buttons; and tables that save a change at once.
// Everything also works as plain forms without this script.

import { hold, refresh, release } from "./live.js";

const columns = ["new", "indeterminate", "done"];
const names = { new: "To do", indeterminate: "In progress", done: "Done" };
const stateLine = document.getElementById("live-state");
let refocus = "";
let hide = 0;

async function send(form, data) {
  const answer = await fetch(form, { method: "POST", body: data, headers: { "X-Requested-With": "fetch" } });
  if (!answer.ok) say(`The change was not kept: ${answer.status}. Try again.`);
  return answer.ok;
}

function say(text) {
  clearTimeout(hide);
  stateLine.textContent = text;
  stateLine.hidden = false;
  hide = setTimeout(() => {
    stateLine.hidden = true;
  }, 6000);
}

async function move(key, to) {
  const data = new FormData();
  data.set("key", key);
  data.set("to", to);
  refocus = `card-${key}`;
  if (await send("/sandbox/board/move", data)) {
    say(`${key} moved to ${names[to]}.`);
    await refresh();
  }
}

document.addEventListener("refreshed", () => {
  if (refocus) document.getElementById(refocus)?.focus();
  refocus = "";
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.matches("[data-move]")) {
    event.preventDefault();
    move(form.elements.key.value, event.submitter.value);
  } else if (form.matches("[data-form]")) {
    event.preventDefault();
    save(form);
  }
});

document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.(".issue");
  if (!card || event.target !== card || event.altKey || event.ctrlKey || event.metaKey) return;
  const place = Number(card.dataset.column);
  if (event.key === "ArrowRight" && place < 2) move(card.dataset.key, columns[place + 1]);
  else if (event.key === "ArrowLeft" && place > 0) move(card.dataset.key, columns[place - 1]);
  else if (event.key === "ArrowDown") card.nextElementSibling?.focus();
  else if (event.key === "ArrowUp") card.previousElementSibling?.focus();
  else return;
  event.preventDefault();
});

document.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.(".issue");
  if (!card) return;
  event.dataTransfer.setData("text/plain", card.dataset.key);
  event.dataTransfer.effectAllowed = "move";
  hold(); // a swap would take the dragged card away
});

document.addEventListener("dragover", (event) => {
  const column = event.target.closest?.("[data-drop]");
  lift(column);
  if (!column) return;
  event.preventDefault();
  column.toggleAttribute("data-over", true);
});

document.addEventListener("drop", (event) => {
  const column = event.target.closest?.("[data-drop]");
  const key = event.dataTransfer.getData("text/plain");
  lift();
  if (!column || !document.getElementById(`card-${key}`)) return;
  event.preventDefault();
  if (!column.querySelector(`#card-${CSS.escape(key)}`)) move(key, column.dataset.drop);
});

document.addEventListener("dragend", () => {
  lift();
  release();
});

function lift(column) {
  for (const each of document.querySelectorAll("[data-over]")) if (each !== column) each.removeAttribute("data-over");
}

async function save(form) {
  const data = new FormData(form);
  if (await send(form.action, data)) {
    say("Saved in the stand-in.");
    for (const each of form.elements) {
      if (each.matches("[type=number], [type=text], [type=date], textarea")) each.defaultValue = each.value;
      if (each.name?.startsWith("was:")) each.value = data.getAll(each.name.slice(4)).join("\n");
    }
    await refresh();
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-go]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-keep]") && event.target.form) save(event.target.form);
});
