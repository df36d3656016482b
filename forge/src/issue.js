// The panel of an issue, beside it (jira:issueContext) and below it (jira:issuePanel): the same view, by its width.

import { context, followTheme } from "./bridge.js";
import { panel } from "./panel.js";

followTheme();
const { cloudId, accountId, extension } = await context();
const shown = panel({
  home: () => ({ path: "/forge/v1/issue" }),
  place: [cloudId, accountId, extension?.issue?.id].join(" "),
  waiting: "Reading what this issue serves",
});
shown.load();
