// Where a dashboard keeps what a panel shows. Jira's gadgets and the platform's widgets differ in nothing else that we use.

import { widget, widgetEdit } from "@forge/dashboards-bridge";
import { submit } from "./bridge.js";

const gadget = {
  // Jira ends the edit view itself once something was submitted; `refresh` (minutes) is its own word for loading anew.
  read: ({ extension }) => extension?.gadgetConfiguration ?? {},
  async save(config) {
    const minutes = Number(config.refresh);
    await submit(minutes > 0 ? { ...config, refresh: minutes } : config);
  },
  async onSave() {},
  async preview() {},
};

const platform = {
  // The dashboard has the Save button; it asks us for what to keep.
  read: ({ extension }) => extension?.config ?? {},
  async save(config) {
    await widgetEdit.updateConfig(config);
  },
  async onSave(ask) {
    await widgetEdit.onProductSave(ask);
  },
  async preview(config) {
    await widget.setPreviewConfig(config);
  },
};

export function configOf(context) {
  const extension = context.extension ?? {};
  const isGadget = extension.type === "jira:dashboardGadget" || extension.gadgetConfiguration || extension.gadget;
  const isWidget = extension.type === "dashboards:widget" || (!isGadget && Boolean(extension.config || extension.context?.dashboardId));
  const access = isWidget ? platform : gadget;
  const read = access.read(context);
  return { ...access, isWidget, config: read && typeof read === "object" ? read : {} };
}
