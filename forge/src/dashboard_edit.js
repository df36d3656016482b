// What a dashboard panel shows, chosen once: Jira's gadget ends by our Save button, the platform's widget by its own.

import { context, followTheme } from "./bridge.js";
import { configOf } from "./config.js";
import { json } from "./kept.js";
import { panel } from "./panel.js";

followTheme();
const found = await context();
const access = configOf(found);
const main = document.getElementById("okr");

const shown = panel({
  home: () => ({ path: "/forge/v1/dashboard/config", method: "POST", body: { config: access.config } }),
  place: [found.cloudId, found.accountId, found.extension?.gadget?.id ?? found.extension?.context?.widgetId, "config"].join(" "),
  waiting: "Reading what can be shown",
  onAnswer: own,
  onSaved: handOver,
});

// The platform's own button saves a widget: a second one would only confuse.
function own() {
  if (!access.isWidget) return;
  for (const button of main.querySelectorAll("form button:not([type=button])")) button.hidden = true;
}

// The connector has found nothing wrong: what it made of the form is kept by the dashboard.
async function handOver({ config }) {
  if (!config) return false;
  try {
    await access.save(config);
  } catch {
    shown.trouble({ status: 0, body: { detail: "Jira did not keep the settings. Your choices are still here. Save again." } }, null);
  }
  return true;
}

if (access.isWidget) {
  main.addEventListener("change", () => access.save(json(main.querySelector("form"))).catch(() => {}));
  await access.onSave(async () => {
    const saved = await shown.send(main.querySelector("form"));
    if (!saved?.config) throw new Error("Something in the settings needs a look.");
    return saved.config;
  });
}
shown.load();
