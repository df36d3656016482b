// Keeps an open page current. The stream says what changed, the page fetches itself and swaps the parts that differ.
// Focus stays where it is; what a person is typing is never replaced. Nothing is animated.

const stateLine = document.getElementById("live-state");
const listens = (document.body.dataset.listens || "").split(" ").filter(Boolean);
const hosts = ["jira", "notion"];
let wanted = false;
let running = false;
let held = false;
let interrupted = false;

function concerns(name) {
  return hosts.includes(name) ? listens.includes(name) : listens.includes("key-results");
}

function busyTyping(part) {
  const active = document.activeElement;
  if (!part.contains(active) || !active.matches("input[type=number], input[type=text], textarea")) return false;
  return active.value !== active.defaultValue;
}

function swap(part, fresh) {
  if (part.outerHTML === fresh.outerHTML || part.dataset.shown === fresh.outerHTML || busyTyping(part)) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...part.querySelectorAll("details[open]")].map((each) => each.id);
  const markup = fresh.outerHTML;
  const made = document.importNode(fresh, true);
  for (const each of made.querySelectorAll("details")) if (open.includes(each.id)) each.open = true;
  part.replaceWith(made);
  if (open.length) made.dataset.shown = markup;
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// While something is held, as in a drag, nothing is swapped; what came meanwhile is made up for afterwards.
export function hold() {
  held = true;
}

export function release() {
  held = false;
  if (wanted) refresh();
}

export async function refresh() {
  wanted = true;
  if (running || held) return;
  running = true;
  try {
    while (wanted) {
      wanted = false;
      const answer = await fetch(location.href, { headers: { "X-Requested-With": "fetch" }, cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (held) {
        wanted = true;
        break;
      }
      const focused = document.activeElement?.id;
      for (const part of document.querySelectorAll("[data-live]")) {
        const fresh = page.getElementById(part.id);
        if (fresh) swap(part, fresh);
      }
      // A card that moved to another part took the focus with it: give it back.
      if (focused && document.activeElement === document.body) document.getElementById(focused)?.focus({ preventScroll: true });
      document.dispatchEvent(new CustomEvent("refreshed"));
    }
    if (interrupted) say("");
    interrupted = false;
  } catch {
    interrupted = true;
    say("Live updates are interrupted. What is shown may be old; trying again.");
    setTimeout(refresh, 3000);
  } finally {
    running = false;
  }
}

function say(text) {
  if (!stateLine) return;
  stateLine.textContent = text;
  stateLine.hidden = !text;
}

function listen() {
  const stream = new EventSource("/events");
  let lost = false;
  stream.onmessage = (event) => {
    if (JSON.parse(event.data).some(concerns)) refresh();
  };
  stream.onopen = () => {
    if (lost) refresh();
    lost = false;
  };
  stream.onerror = () => {
    // The browser connects again by itself, unless the server refused.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
    lost = true;
  };
  addEventListener("pagehide", () => stream.close(), { once: true });
}

if (listens.length) {
  listen();
  setInterval(refresh, 60000); // ages
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      listen();
      refresh();
    }
  });
}
