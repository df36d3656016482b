// The panel of a dashboard: Jira's gadget and the platform's widget show the same view.

import { context, followTheme, hear } from "./bridge.js";
import { configOf } from "./config.js";
import { panel } from "./panel.js";

const REFRESH = "JIRA_DASHBOARD_GADGET_REFRESH";
const TWICE = 3000; // milliseconds in which the dashboard and the gadget may both ask

followTheme();
const found = await context();
const { config, isWidget, preview } = configOf(found);
const { extension = {} } = found;
if (isWidget && !Object.keys(config).length) preview({ view: "triage" }).catch(() => {});

const shown = panel({
  home: () => ({ path: "/forge/v1/dashboard", method: "POST", body: { config } }),
  place: [found.cloudId, found.accountId, extension.gadget?.id ?? extension.context?.widgetId].join(" "),
  waiting: "Reading key results",
});
let asked = Date.now();
hear(REFRESH, (payload = {}) => {
  const ours = payload.origin !== "gadget" || String(payload.gadgetId) === String(extension.gadget?.id);
  if (!ours || Date.now() - asked < TWICE) return;
  asked = Date.now();
  shown.reload();
});
shown.load();
