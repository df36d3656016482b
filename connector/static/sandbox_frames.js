// Plays Jira around the frames: who looks, which scheme, how wide, what a dashboard keeps, and what goes wrong on the way.

const account = document.getElementById("account");
const theme = document.getElementById("theme");
const width = document.getElementById("width");
const trouble = document.getElementById("trouble");
const said = document.getElementById("live-state");
const site = document.getElementById("frames").dataset;
const frames = new Map(); // window of a frame → { frame, box, ... }

const KEEP = "okr sandbox config ";
const never = new Promise(() => {});

function keptConfig(name) {
  try {
    return JSON.parse(localStorage.getItem(KEEP + name)) ?? undefined;
  } catch {
    return undefined;
  }
}

function context({ box, editing }) {
  const extension = JSON.parse(box.dataset.extension);
  const config = keptConfig(box.dataset.name);
  if (extension.type === "jira:dashboardGadget") {
    extension.entryPoint = editing ? "edit" : undefined;
    extension.gadgetConfiguration = config;
  }
  if (extension.type === "dashboards:widget") extension.config = config;
  extension.location = location.href;
  return {
    accountId: account.value,
    cloudId: site.cloudId,
    environmentId: "sandbox",
    environmentType: "DEVELOPMENT",
    extension,
    localId: `${box.dataset.module}-1`,
    locale: "en-GB",
    moduleKey: box.dataset.module,
    siteUrl: site.site,
    timezone: "Europe/Oslo",
    theme: { colorMode: theme.value },
  };
}

// One call to the connector, with what may go wrong between here and there.
async function invoke(entry, { path, method, headers, body }) {
  const way = trouble.value;
  if (way === "lost") throw new Error("Failed to fetch");
  if (way === "late") return never;
  const place = { module: entry.box.dataset.module, account: account.value, extension: context(entry).extension };
  const call = JSON.stringify({ path, method, headers, body, ...place, ended: way === "ended" });
  const answer = await fetch("/sandbox/forge/invoke", { method: "POST", headers: { "Content-Type": "application/json" }, body: call });
  const told = await answer.json();
  if (way === "unsaid") throw new Error("Failed to fetch"); // it arrived, the answer did not
  if (way === "broken") return { success: false, error: { message: "the remote answered 500" } };
  if (!told.success && trouble.dataset.bodies && told.answered) {
    return { success: true, payload: { headers: {}, status: told.answered.status, body: parsed(told.answered.body) } };
  }
  return told;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const routes = {
  getContext: (entry) => context(entry),
  theme: () => theme.value,
  invoke,
  navigate(_entry, { url, type }) {
    document.dispatchEvent(new CustomEvent("navigated", { detail: { url, type } }));
    if (type === "new-tab") window.open(url, "_blank", "noopener");
    else location.assign(url);
    return true;
  },
  changeWindowTitle(_entry, title) {
    document.title = title;
    return true;
  },
  submit(entry, values) {
    if (!entry.editing) return false;
    return keep(entry, values);
  },
  updateConfig(entry, config) {
    entry.draft = config;
    return true;
  },
  setPreviewConfig: () => true,
  history(_entry, { action, address, steps }) {
    if (action === "push") window.history.pushState(null, "", `#${address}`);
    if (action === "replace") window.history.replaceState(null, "", `#${address}`);
    if (action === "go") window.history.go(steps);
    return location.hash.slice(1);
  },
};

function keep(entry, config) {
  localStorage.setItem(KEEP + entry.box.dataset.name, JSON.stringify(config));
  edit(entry, false);
  return true;
}

function edit(entry, on) {
  entry.editing = on;
  entry.draft = undefined;
  const button = entry.box.querySelector("[data-save]");
  button?.toggleAttribute("hidden", !(on && entry.box.dataset.module === "okr-widget"));
  entry.box.querySelector("[data-edit]")?.setAttribute("aria-expanded", String(on));
  const resource = on ? entry.box.dataset.edit : entry.box.dataset.resource;
  entry.frame.src = `${site.elsewhere}/sandbox/forge/${resource}/index.html?from=${encodeURIComponent(location.origin)}`;
}

function say(text) {
  said.textContent = text;
  said.hidden = !text;
}

const told = {
  async call(entry, { id, op, payload }) {
    const answer = { kind: "answer", id };
    try {
      if (!routes[op]) throw new Error(`this stand-in knows no ${op}`);
      answer.value = await routes[op](entry, payload ?? {});
    } catch (error) {
      answer.error = String(error.message ?? error);
    }
    post(entry, answer);
  },
  height: (entry, { height }) => entry.frame.setAttribute("height", String(Math.max(height, 60))),
  saved(entry, { config, error }) {
    if (error) return say(`Not saved: ${error}`);
    say("");
    keep(entry, config ?? entry.draft ?? {});
  },
};

const post = (entry, message) => entry.frame.contentWindow?.postMessage({ okr: true, ...message }, site.elsewhere);

addEventListener("message", ({ source, origin, data }) => {
  const entry = frames.get(source);
  if (origin === site.elsewhere && entry && data?.okr) told[data.kind]?.(entry, data);
});
addEventListener("popstate", () => frames.forEach((entry) => post(entry, { kind: "history", address: location.hash.slice(1) })));

const SANDBOX =
  "allow-popups allow-popups-to-escape-sandbox allow-downloads allow-forms allow-modals allow-pointer-lock allow-same-origin allow-scripts";

for (const box of document.querySelectorAll("[data-module]")) {
  const frame = document.createElement("iframe");
  const entry = { frame, box, editing: false };
  Object.assign(frame, { title: box.dataset.title, width: box.dataset.width, height: "60" });
  if (site.elsewhere !== location.origin) frame.setAttribute("sandbox", SANDBOX);
  edit(entry, false);
  box.append(frame);
  frames.set(frame.contentWindow, entry);
  box.querySelector("[data-edit]")?.addEventListener("click", () => edit(entry, !entry.editing));
  const { gadget } = JSON.parse(box.dataset.extension);
  const refresh = { event: "JIRA_DASHBOARD_GADGET_REFRESH", payload: { origin: "gadget", gadgetId: gadget?.id } };
  box.querySelector("[data-refresh]")?.addEventListener("click", () => post(entry, { kind: "event", ...refresh }));
  const draft = () => entry.draft ?? keptConfig(box.dataset.name) ?? {};
  box.querySelector("[data-save]")?.addEventListener("click", () => post(entry, { kind: "save", config: draft() }));
}

const speaker = document.querySelector(".comments [name=account]");
account.addEventListener("change", () => {
  if (speaker) speaker.value = account.value;
  frames.forEach((entry) => edit(entry, false));
});
theme.addEventListener("change", () => {
  document.documentElement.dataset.theme = theme.value;
  frames.forEach((entry) => post(entry, { kind: "theme", mode: theme.value }));
});
document.documentElement.dataset.theme = theme.value;
width.addEventListener("change", () => frames.forEach(({ frame, box }) => (frame.width = width.value || box.dataset.width)));

// Somebody has just commented: the answer to a command comes some seconds later.
const ANSWERS = 15; // looks, two seconds apart
async function listen(looks) {
  if (!looks) return;
  await new Promise((resolve) => setTimeout(resolve, 2000));
  try {
    const text = await (await fetch(location.href)).text();
    const came = new DOMParser().parseFromString(text, "text/html").querySelector(".comments ul");
    const shown = document.querySelector(".comments ul");
    if (came && came.innerHTML !== shown.innerHTML) shown.replaceWith(came);
  } catch {
    // the next look may find it
  }
  listen(looks - 1);
}
if (speaker && location.hash === "#comments") listen(ANSWERS);
