// The fragments of a panel: loaded, swapped, sent. Attributes of the markup say what happens, see docs/forge.md:
// data-get (load and swap), form[data-post] (send and swap), data-check + data-check-into (look while typing), data-open (own tab).

import { call, open } from "./bridge.js";
import { entries, fill, forget, json, keep, kept, same } from "./kept.js";
import { message, point, put, say, wait, withButton } from "./parts.js";
import { mayTryAgain, notSaved, whatHappened } from "./words.js";

const TYPING = 300; // milliseconds without a key before a check is asked
const SOONEST = 5; // seconds between two loads by clock

// `home` gives { path, method, body } of the first view; `place` keeps entries of different issues apart.
export function panel({ home, place = "", waiting = "Reading", onAnswer = () => {}, onSaved = async () => false }) {
  const main = document.getElementById("okr");
  let turn = 0; // the latest load wins, whatever comes back first
  let sending = null;
  let again = 0;
  let last = null; // how the present view was loaded
  let loadedAt = 0;
  let left = null; // what was open and focused in the first view when somebody went on from it
  let digest = ""; // of what is shown: an unchanged view need not come again

  const forms = () => [...main.querySelectorAll("form[data-post]")];
  const unfolded = () => [...main.querySelectorAll("details[open][id]")].map((each) => each.id);
  const keyOf = (form) => `okr ${place} ${form.dataset.post}`;

  async function load(request, { focus = false, quiet = false } = {}) {
    const mine = ++turn;
    if (!quiet) clearTimeout(again); // else the clock would begin a later load, and what somebody asked for would never be shown
    const wanted = request ?? home();
    const done = wait(main, quiet ? "" : waiting);
    const outcome = await call(wanted.path, quiet && digest && wanted.body ? { ...wanted, body: { ...wanted.body, digest } } : wanted);
    if (mine !== turn) return;
    done();
    loadedAt = Date.now();
    if (outcome.body.unchanged) {
      for (const each of main.querySelectorAll("[data-age]")) each.textContent = outcome.body.age;
      return later(outcome.body.refresh);
    }
    if (outcome.status >= 200 && outcome.status < 300) {
      last = wanted;
      show(outcome.body, focus ? "heading" : "stay");
      if (focus && wanted.path === home().path) comeBack();
    } else if (outcome.body.html) {
      last = wanted;
      show(outcome.body, focus ? "heading" : "stay");
    } else if (quiet && last) {
      later(60); // what is shown stays; it says its own age
    } else {
      trouble(outcome, wanted);
    }
  }

  function show(body, focusing) {
    const held = focusing === "stay" ? document.activeElement?.id : "";
    digest = body.digest ?? "";
    const folds = new Map([...main.querySelectorAll("details[id]")].map((each) => [each.id, each.open]));
    put(main, body.html ?? "");
    for (const [id, open] of folds) document.getElementById(id)?.toggleAttribute("open", open);
    if (body.said) say(body.said);
    forms().forEach(prepare);
    onAnswer(main);
    const first = (...wanted) => wanted.map((each) => main.querySelector(each)).find(Boolean) ?? main;
    if (focusing === "heading") point(first("[data-focus]", "h1, h2, h3, legend"));
    else if (focusing === "error") point(first("[aria-invalid=true]", "[role=alert], h1, h2, h3"));
    else if (held) document.getElementById(held)?.focus({ preventScroll: true });
    later(body.refresh);
  }

  // Back in the first view, everything is as somebody left it.
  function comeBack() {
    for (const id of left?.opened ?? []) document.getElementById(id)?.setAttribute("open", "");
    document.getElementById(left?.focused || "-")?.focus();
    left = null;
  }

  // By clock, and never under the hands of somebody who fills in a form or reads with the keyboard.
  function later(seconds) {
    clearTimeout(again);
    if (!(seconds > 0)) return;
    again = setTimeout(() => (busy() || document.hidden ? later(SOONEST) : load(last, { quiet: true })), Math.max(seconds, SOONEST) * 1000);
  }

  function busy() {
    const inHand = (form) => form.contains(document.activeElement) || !same(form.before, entries(form));
    return Boolean(sending) || forms().some(inHand);
  }

  // The whole frame when there is nothing to go back to, else a line above what is there.
  function trouble(outcome, wanted) {
    const box = message(whatHappened(outcome));
    if (wanted && mayTryAgain(outcome.status)) withButton(box, "Try again", () => load(wanted, { focus: true }));
    clearTimeout(again);
    if (last) {
      main.querySelector(":scope > .unsaved")?.remove();
      main.prepend(box);
    } else {
      main.replaceChildren(box);
    }
    const passing = outcome.status === 503 || outcome.status === 0;
    if (wanted && passing) again = setTimeout(() => (busy() ? null : load(wanted, { quiet: true })), 30000);
  }

  function prepare(form) {
    form.before = entries(form);
    const before = kept(keyOf(form));
    if (!before || same(before, form.before)) return;
    fill(form, before);
    const note = message(`${whatOf(form)} was not saved before this view was left. Your entries are here again.`);
    note.classList.replace("problem", "note");
    note.setAttribute("role", "status");
    const drop = Object.assign(document.createElement("button"), { type: "button", className: "linkish", textContent: "Start anew" });
    drop.addEventListener("click", () => {
      forget(keyOf(form));
      load(last, { focus: true });
    });
    note.lastElementChild.append(" ", drop);
    form.prepend(note);
    check(form);
  }

  const whatOf = (form) => form.dataset.what || "This form";

  async function send(form, submitter) {
    if (sending) return null; // a double click sends once
    const mine = ++turn;
    sending = form;
    clearTimeout(again);
    form.checking = (form.checking ?? 0) + 1; // what a check still brings is too late
    const typed = entries(form);
    const focused = document.activeElement;
    const data = json(form, submitter);
    form.inert = true;
    form.querySelector(".unsaved")?.remove();
    main.querySelector(":scope > .unsaved")?.remove();
    const done = wait(main);
    const outcome = await call(form.dataset.post, { method: "POST", body: data });
    done();
    sending = null;
    form.inert = false;
    if (mine !== turn) return null;
    const { status, body } = outcome;
    if (status >= 200 && status < 300) {
      forget(keyOf(form));
      form.before = entries(form); // filed: a frame that goes away now has nothing to keep
      if (await onSaved(body)) return body;
      if (body.html === undefined) {
        if (body.said) say(body.said);
        load(null, { focus: true });
      } else {
        show(body, "heading");
      }
      return body;
    }
    if ((status === 409 || status === 422) && body.html) {
      // the answer has the entries, and knows better than what was kept what they are about
      forget(keyOf(form));
      show(body, "error");
      for (const each of forms()) if (keyOf(each) === keyOf(form)) keep(keyOf(each), entries(each));
      return null;
    }
    keep(keyOf(form), typed);
    const refused = [400, 403, 404, 409, 422].includes(status);
    const box = message(refused ? whatHappened(outcome) : notSaved(outcome, whatOf(form)));
    form.prepend(box);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
    return null;
  }

  async function check(form) {
    const into = document.querySelector(form.dataset.checkInto || "_");
    if (!form.dataset.check || !into) return;
    const mine = (form.checking = (form.checking ?? 0) + 1);
    const { status, body } = await call(form.dataset.check, { method: "POST", body: json(form) });
    if (mine !== form.checking || !form.isConnected || sending === form) return;
    if (body.html !== undefined && (status < 300 || status === 422)) into.innerHTML = body.html;
  }

  main.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-post]");
    if (!form) return;
    event.preventDefault();
    send(form, event.submitter);
  });

  let typing = 0;
  function changed(event) {
    const form = event.target.closest("form[data-post]");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => {
      if (!form.isConnected || sending === form) return;
      if (same(form.before, entries(form))) forget(keyOf(form));
      else keep(keyOf(form), entries(form));
      check(form);
    }, TYPING);
  }
  main.addEventListener("input", changed);
  main.addEventListener("change", changed);
  // A frame that goes away keeps what stands in its forms.
  addEventListener("pagehide", () => {
    for (const form of forms()) if (!same(form.before, entries(form))) keep(keyOf(form), entries(form));
  });

  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    const getter = event.target.closest("[data-get]");
    if (getter) {
      event.preventDefault();
      if (sending) return;
      const form = getter.closest("form[data-post]");
      clearTimeout(typing);
      if (form) forget(keyOf(form)); // somebody who leaves a form by its own button gives it up
      const first = home();
      const path = getter.dataset.get;
      if (last?.path === first.path && path !== first.path) left = { opened: unfolded(), focused: getter.id };
      load(path === first.path ? first : { path }, { focus: true });
      return;
    }
    const link = event.target.closest("a[href]");
    if (link && /^https?:/.test(link.getAttribute("href"))) {
      event.preventDefault();
      open(link.href);
    }
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && last && !busy() && Date.now() - loadedAt > 60000) load(last, { quiet: true });
  });

  return { load, send, trouble, reload: () => (busy() ? undefined : load(last, { quiet: Boolean(last) })) };
}
