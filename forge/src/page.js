// The connector's own pages inside Jira (project page, administration): the main part of each page, its links, forms and scripts.
// The scripts are those of the browser; what they fetch goes through the bridge like everything else.

import htmx from "static:htmx.min.js";
import mapping from "page-script:mapping.js";
import overview from "page-script:overview.js";
import page from "page-script:page.js";
import { call, context, followTheme, history as jiraHistory, open, rename } from "./bridge.js";
import { message, point, put, say, unsay, wait, withButton } from "./parts.js";
import { carry } from "./carried.js";
import { mayTryAgain, notSaved, whatHappened } from "./words.js";

const LOOKS = [3000, 5000]; // milliseconds to wait for a number that a save asked for, one look after the other
const SCRIPTS = { mapping, overview, page }; // live.js listens to a stream that no bridge carries
const main = document.getElementById("okr");
main.id = "main"; // what our pages call it

followTheme();
const found = await context();
const area = found.extension?.type === "jira:adminPage" || found.moduleKey === "okr-admin" ? "admin" : "project";
const past = await jiraHistory();

let jar = ""; // the connector's own cookie of form tokens and messages, which a frame cannot keep elsewhere
let base = "";
let shown = "";
let turn = 0;
let scripts = new AbortController();
let looking = 0;
let typed = false; // somebody has put something into what is shown

const places = document.createElement("nav");
places.className = "places";
places.setAttribute("aria-label", area === "admin" ? "Administration of the connector" : "Key results and work");

// One request to one of our pages. The answer is the connector's envelope, whatever the page itself said.
async function ask({ path, method = "GET", body = "", headers = {} }) {
  const outcome = await call("/forge/v1/page", { method: "POST", body: { area, method, path, body, headers, jar } });
  if (typeof outcome.body.jar === "string") jar = outcome.body.jar;
  base = outcome.body.base || base;
  return outcome;
}

const answered = ({ body }) => body.html !== undefined || body.raw !== undefined;

async function go(request, { push = true, focus = true } = {}) {
  const mine = ++turn;
  clearTimeout(looking);
  unsay();
  const done = wait(main, "Reading the page");
  const outcome = await ask(request);
  if (mine !== turn) return;
  done();
  if (outcome.body.html === undefined) return trouble(outcome, request);
  show(outcome.body, { focus });
  const moved = outcome.body.path && outcome.body.path !== shown;
  shown = outcome.body.path || request.path;
  if (push && moved) remember(shown);
  mark();
  if (request.method === "POST" && /^\/key-results\/[^/]+$/.test(shown.split(/[?#]/)[0])) look(0);
}

// After a save the number is worked out in the background, and no stream reaches a frame: the page is read again, twice, quietly.
function look(time) {
  if (time >= LOOKS.length) return;
  looking = setTimeout(async () => {
    if (inHand()) return look(time + 1);
    const mine = turn;
    const outcome = await ask({ path: shown });
    if (mine !== turn) return;
    if (outcome.body.html !== undefined && outcome.body.status === 200 && !inHand()) again(outcome.body);
    look(time + 1);
  }, LOOKS[time]);
}

const inHand = () => typed || Boolean(main.querySelector("dialog[open]")) || document.activeElement?.matches("main :is(input, select, textarea)");

// The same page with newer numbers: what is unfolded and what has the focus stays.
function again(body) {
  const unfolded = [...main.querySelectorAll("details")].map((each) => each.open);
  const held = main.contains(document.activeElement) ? document.activeElement.id || "h1" : "";
  show(body, { focus: false, still: true });
  const folds = [...main.querySelectorAll("details")];
  if (folds.length === unfolded.length) folds.forEach((each, place) => each.toggleAttribute("open", unfolded[place]));
  if (held) (held === "h1" ? point(main.querySelector("h1") ?? main) : document.getElementById(held)?.focus({ preventScroll: true }));
}

function show({ html, title, said = [], token, scripts: names = [], path = "" }, { focus, still = false }) {
  scripts.abort();
  typed = false;
  scripts = new AbortController();
  document.body.setAttribute("hx-headers", JSON.stringify(token ? { "X-CSRFToken": token } : {}));
  put(main, html);
  htmx.process(document.body);
  for (const name of names) if (SCRIPTS[name]) whileShown(scripts.signal, SCRIPTS[name]);
  if (title) rename(title);
  if (said.length) say(said.join(" "));
  const target = path.includes("#") ? document.getElementById(path.split("#")[1]) : null;
  const wrong = main.querySelector("[aria-invalid=true]");
  if (target && !still) target.scrollIntoView();
  if (wrong) wrong.focus();
  else if (focus) point(main.querySelector("[data-focus]") ?? target ?? main.querySelector("h1, h2") ?? main);
}

// What a page's script listens to ends with the page: the next one is shown in the same document.
function whileShown(signal, run) {
  const { addEventListener } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function listen(type, listener, options) {
    const given = typeof options === "object" && options ? options : { capture: Boolean(options) };
    return addEventListener.call(this ?? window, type, listener, { signal, ...given });
  };
  try {
    run();
  } finally {
    EventTarget.prototype.addEventListener = addEventListener;
  }
}

function trouble(outcome, request) {
  const saves = request.method === "POST" && ![400, 403, 404, 409, 422].includes(outcome.status);
  const box = message(saves ? notSaved(outcome, "This form", "Look whether it is there before you save again.") : whatHappened(outcome));
  const reading = request.method !== "POST";
  if (reading && mayTryAgain(outcome.status)) withButton(box, "Try again", () => go(request));
  if (reading && base && [403, 404].includes(outcome.status)) withButton(box, "Open in a tab of its own", () => open(base + request.path));
  for (const form of document.forms) delete form.dataset.sent;
  main.querySelector(":scope > .unsaved")?.remove();
  if (shown) main.prepend(box);
  else main.replaceChildren(box);
  box.scrollIntoView({ block: "nearest" });
}

// --- where we are ---------------------------------------------------------------------------------------------------------------

// The ways to the other pages of this place, as the connector names them; the one that we are on is marked.
function lead(nav = []) {
  places.replaceChildren(...nav.map(({ path, title }) => Object.assign(document.createElement("a"), { href: path, textContent: title })));
  if (nav.length > 1) main.before(places);
  mark();
}

function mark() {
  const here = shown.split(/[?#]/)[0];
  const pathOfLink = (link) => link.getAttribute("href").split(/[?#]/)[0];
  const above = [...places.children].filter((link) => here === pathOfLink(link) || here.startsWith(`${pathOfLink(link)}/`));
  const nearest = above.sort((one, other) => pathOfLink(other).length - pathOfLink(one).length)[0];
  for (const link of places.children) link.removeAttribute("aria-current");
  nearest?.setAttribute("aria-current", here === pathOfLink(nearest) ? "page" : "true");
}

function remember(path) {
  if (past) past.push(path);
  else window.history.pushState({ path }, "");
}

const pathOf = ({ pathname = "", search = "", hash = "" }) => pathname + search + hash;

function follow() {
  const back = (path) => {
    if (!path || path === "/") first(false);
    else if (path !== shown) go({ path }, { push: false });
  };
  if (past) past.listen((location, action) => action === "POP" && back(pathOf(location)));
  else addEventListener("popstate", ({ state }) => back(state?.path));
}

// --- links and forms ------------------------------------------------------------------------------------------------------------

// The path of an address of ours, "" for everything else. In the page, links are relative to the frame's own address.
function ours(address) {
  const url = new URL(address, location.origin + (shown || "/"));
  if (url.origin === location.origin || url.origin === base) return url.pathname + url.search + url.hash;
  return "";
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0) return;
  const link = event.target.closest("a[href]");
  if (!link) return;
  const given = link.getAttribute("href");
  if (given.startsWith("#")) return;
  event.preventDefault();
  const path = ours(given);
  if (!path) open(link.href);
  else if (link.matches("[data-open], [download], [target=_blank]") || event.ctrlKey || event.metaKey || event.shiftKey) open(base + path);
  else go({ path });
});

main.addEventListener("input", () => (typed = true));

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  event.preventDefault();
  const form = event.target;
  const path = ours(event.submitter?.getAttribute("formaction") || form.getAttribute("action") || shown);
  if (form.enctype === "multipart/form-data" || !path) return void open(base + shown);
  const data = new URLSearchParams([...new FormData(form, event.submitter)].filter(([, value]) => typeof value === "string")).toString();
  if (form.method === "get") return void go({ path: `${path.split(/[?#]/)[0]}?${data}` });
  go({ path, method: "POST", body: data, headers: { "Content-Type": "application/x-www-form-urlencoded" } });
});

// --- beginning ------------------------------------------------------------------------------------------------------------------

carry(async (request) => {
  const outcome = await ask({ ...request, path: ours(request.path) });
  return answered(outcome) ? outcome : null;
});
addEventListener("frame:go", ({ detail }) => go({ path: ours(detail) }));

const start = () => call("/forge/v1/page/start", { method: "POST", body: { area } });

// Where the module begins: the connector knows, by the project that Jira shows.
async function first(beginning = true) {
  const done = wait(main, "Reading the page");
  const outcome = await start();
  done();
  base = outcome.body.base || base;
  if (outcome.status < 300) lead(outcome.body.nav);
  if (outcome.body.path && outcome.status < 300) return go({ path: outcome.body.path }, { push: false, focus: !beginning });
  const box = message(whatHappened(outcome));
  if (mayTryAgain(outcome.status)) withButton(box, "Try again", () => first());
  main.replaceChildren(box);
}

const kept = past ? pathOf(past.location ?? {}) : "";
if (kept && kept !== "/") {
  go({ path: kept }, { push: false, focus: false });
  start().then(({ status, body }) => status < 300 && lead(body.nav));
} else {
  first();
}
follow();
