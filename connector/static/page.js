// Small helps on every page: the first error takes the focus, a said toast goes after six seconds, a form is sent once.

// A group of choices that takes no focus itself: its first choice does.
function toFirstError(root) {
  const first = root.querySelector?.("[aria-invalid=true]");
  (first?.matches("fieldset:not([tabindex])") ? first.querySelector("input") : first)?.focus();
}
toFirstError(document);

for (const toast of document.querySelectorAll(".toast.said")) {
  let timer = setTimeout(() => toast.remove(), 6000);
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", () => (timer = setTimeout(() => toast.remove(), 2000)));
}

// How many presses an update takes: counted in the form itself and sent with it, so that the form can be made shorter.
document.addEventListener("click", (event) => {
  const target = event.target, count = target.closest?.("#check-in-form")?.elements.namedItem("clicks");
  const told = target.closest?.("label") && !target.matches("input, textarea"); // its control is clicked in turn
  if (count && event.isTrusted && !told) count.value = String(Number(count.value || "0") + 1);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault(); // a double click saves once
    return;
  }
  form.dataset.sent = "1";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
document.addEventListener("htmx:afterSettle", (event) => toFirstError(event.target));

// A part that is fetched anew keeps what was typed into it meanwhile, the focus and what was folded out (data-keeps-typed, with an id).
const asked = new Map(); // by the part's id: its values when they were sent

function fieldsOf(part) {
  const counts = {};
  return [...part.querySelectorAll("input, select, textarea")].map((field) => {
    counts[field.name] = (counts[field.name] ?? -1) + 1;
    return { key: `${field.name} ${counts[field.name]}`, field, value: field.type === "checkbox" ? field.checked : field.value };
  });
}

const openedIn = (part) => [...part.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);

document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.target;
  if (part?.matches("[data-keeps-typed]")) asked.set(part.id, new Map(fieldsOf(part).map(({ key, value }) => [key, value])));
});
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target, sent = part && event.detail.shouldSwap && asked.get(part.id);
  if (!sent) return;
  const now = fieldsOf(part), here = now.find(({ field }) => field === document.activeElement);
  const typed = now.filter(({ key, value }) => sent.get(key) !== value), opened = openedIn(part);
  const caret = here?.field.type === "text" ? [here.field.selectionStart, here.field.selectionEnd] : null;
  document.addEventListener(
    "htmx:afterSwap",
    () => {
      const fresh = document.getElementById(part.id);
      const found = new Map(fieldsOf(fresh).map(({ key, field }) => [key, field]));
      for (const { key, value } of typed) {
        const field = found.get(key);
        if (field?.type === "checkbox") field.checked = value;
        else if (field) field.value = value;
      }
      for (const summary of fresh.querySelectorAll("details > summary")) if (opened.includes(summary.textContent)) summary.parentElement.open = true;
      const target = found.get(here?.key);
      if (!target || target.type === "hidden") return;
      target.focus({ preventScroll: true });
      if (caret && target.type === "text") target.setSelectionRange(...caret);
    },
    { once: true },
  );
});
