// What a dashboard panel shows, chosen once: Jira's gadget ends by our Save button, the platform's widget by its own.

import { call, context, followTheme } from "./bridge.js";
import { configOf } from "./config.js";
import { json } from "./kept.js";
import { panel } from "./panel.js";
import { notSaved } from "./words.js";

const FORM = "/forge/v1/dashboard/config";
const CHECK = "/forge/v1/dashboard/config/check";

followTheme();
const found = await context();
const access = configOf(found);
const main = document.getElementById("okr");
let sending = false;

const shown = panel({
  home: () => ({ path: FORM, method: "POST", body: { config: access.config } }),
  place: [found.cloudId, found.accountId, "config"].join(" "),
  waiting: "Reading what can be shown",
  onAnswer: own,
});

// The platform's own button saves a widget: a second one would only confuse.
function own() {
  const form = main.querySelector("form");
  if (!form) return;
  form.removeAttribute("data-post");
  if (!access.ownButton) for (const button of form.querySelectorAll("button:not([type=button])")) button.hidden = true;
}

// The configuration as the connector wants it kept, or null when the form says what is wrong.
async function checked(form, submitter) {
  const outcome = await call(CHECK, { method: "POST", body: { config: json(form, submitter) } });
  if (outcome.status >= 200 && outcome.status < 300 && outcome.body.config) return outcome.body.config;
  if (outcome.body.html) shown.show(outcome.body, "error");
  else shown.trouble({ status: 422, body: { detail: notSaved(outcome, "The configuration") } }, null);
  return null;
}

main.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  sending = true;
  try {
    const config = await checked(event.target, event.submitter);
    if (config) await access.save(config);
  } catch {
    shown.trouble({ status: 0, body: { detail: "Jira did not keep the configuration. Your choices are still here. Save again." } }, null);
  } finally {
    sending = false;
  }
});

if (access.isWidget) {
  main.addEventListener("change", () => access.save(json(main.querySelector("form"))).catch(() => {}));
  await access.onSave(async () => {
    const config = await checked(main.querySelector("form"));
    if (!config) throw new Error("Something in the configuration needs a look.");
    return config;
  });
}
shown.load();
