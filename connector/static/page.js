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
