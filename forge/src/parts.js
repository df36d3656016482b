// The few things that every frame shows around what the connector sends: a message, waiting, a word that something was done.

const SAID = 6000; // milliseconds that a word stays
const LONGEST = 20000; // and at most, under a pointer
const SLOW = 250; // milliseconds before waiting is said
let hiding = 0;

export function message(text) {
  const box = document.createElement("div");
  box.className = "problem unsaved";
  box.setAttribute("role", "alert");
  box.innerHTML = '<svg class="mark" aria-hidden="true"><use href="#at-risk"/></svg><div></div>';
  box.lastElementChild.append(Object.assign(document.createElement("p"), { textContent: text }));
  return box;
}

export function withButton(box, words, act) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn again", textContent: words });
  button.addEventListener("click", act);
  box.lastElementChild.append(button, " ");
}

// Says that `main` waits, once that takes long enough to be noticed; gives the function that ends it.
export function wait(main, text = "") {
  main.setAttribute("aria-busy", "true");
  const timer = setTimeout(() => {
    main.classList.add("waits");
    const said = Object.assign(document.createElement("p"), { className: "busy", textContent: text });
    if (text && !main.querySelector(":scope > .busy")) main.prepend(said);
  }, SLOW);
  return () => {
    clearTimeout(timer);
    main.classList.remove("waits");
    main.removeAttribute("aria-busy");
    main.querySelector(":scope > .busy")?.remove();
  };
}

// The word stands in the flow above everything. It does not go while a pointer is in the frame: what is below would move under it.
export function say(text) {
  const toast = document.getElementById("said");
  const ends = Date.now() + LONGEST;
  const hide = () => {
    if (document.documentElement.matches(":hover") && Date.now() < ends) hiding = setTimeout(hide, 1000);
    else toast.textContent = "";
  };
  clearTimeout(hiding);
  toast.textContent = text;
  hiding = setTimeout(hide, SAID);
}

export function unsay() {
  clearTimeout(hiding);
  document.getElementById("said").textContent = "";
}

export function point(element) {
  if (!element.matches("a[href], button, input, select, textarea, [tabindex]")) element.tabIndex = -1;
  element.focus();
}

// What the connector sent, as the content of `main`. The browser forbids `autofocus` in a frame of another origin: we focus ourselves.
export function put(main, html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  for (const each of made.content.querySelectorAll("[autofocus]")) {
    each.removeAttribute("autofocus");
    each.dataset.focus = "";
  }
  main.replaceChildren(made.content);
}
