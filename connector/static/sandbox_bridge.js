// Plays the bridge that Atlassian puts into an app's frame: passes each request to the page around, keeps callbacks here.

{
  const around = new URLSearchParams(location.search).get("from") || location.origin; // the page around, of another origin
  const waiting = new Map();
  const listeners = new Map();
  const asked = {}; // what the app wants to be asked when its settings are saved
  const places = [];
  let number = 0;

  const send = (message) => parent.postMessage({ okr: true, ...message }, around);
  const ask = (op, payload) =>
    new Promise((resolve, reject) => {
      waiting.set((number += 1), { resolve, reject });
      send({ kind: "call", id: number, op, payload });
    });

  function paint(mode) {
    document.documentElement.dataset.colorMode = mode;
    document.documentElement.dataset.theme = `${mode}:${mode}`; // as Atlassian's own tokens do
  }

  const history = () => {
    const heard = [];
    const now = { pathname: "/", search: "", hash: "" };
    const made = {
      action: "POP",
      location: now,
      listen(listener) {
        heard.push(listener);
        return () => heard.splice(heard.indexOf(listener), 1);
      },
      tell(action, address) {
        const url = new URL(address || "/", location.origin);
        made.action = action;
        made.location = { pathname: url.pathname, search: url.search, hash: url.hash };
        for (const listener of heard) listener(made.location, action);
      },
      push(address) {
        made.tell("PUSH", address);
        ask("history", { action: "push", address });
      },
      replace(address) {
        made.tell("REPLACE", address);
        ask("history", { action: "replace", address });
      },
      go: (steps) => ask("history", { action: "go", steps }),
      goBack: () => made.go(-1),
      goForward: () => made.go(1),
    };
    places.push(made);
    return made;
  };

  const own = {
    on: ({ event, callback }) => {
      listeners.set(event, [...(listeners.get(event) ?? []), callback]);
      return { unsubscribe: () => listeners.set(event, listeners.get(event).filter((each) => each !== callback)) };
    },
    enableTheming: async () => paint(await ask("theme")),
    createHistory: async () => {
      const made = history();
      made.tell("POP", await ask("history", { action: "read" }));
      return made;
    },
    getWidgetEditApi: () => ({
      updateConfig: (config) => ask("updateConfig", config),
      onProductSave: (callback) => (asked.productSave = callback),
      onSave: (callback) => (asked.save = callback),
      onSaveError: (callback) => (asked.saveError = callback),
    }),
    getWidgetApi: () => ({ setPreviewConfig: (config) => ask("setPreviewConfig", config) }),
  };

  globalThis.__bridge = { callBridge: async (op, payload) => (own[op] ? own[op](payload) : ask(op, payload)) };

  const told = {
    answer({ id, value, error }) {
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error) reject?.(new Error(error));
      else resolve?.(value);
    },
    event({ event, payload }) {
      for (const callback of listeners.get(event) ?? []) callback(payload);
    },
    theme: ({ mode }) => document.documentElement.dataset.colorMode && paint(mode),
    history: ({ address }) => places.forEach((each) => each.tell("POP", address)),
    async save({ config }) {
      try {
        const kept = asked.productSave ? await asked.productSave(config) : null;
        send({ kind: "saved", config: kept });
      } catch (error) {
        asked.saveError?.(error);
        send({ kind: "saved", error: String(error.message ?? error) });
      }
    },
  };
  addEventListener("message", ({ source, origin, data }) => {
    if (source === parent && origin === around && data?.okr) told[data.kind]?.(data);
  });

  // Atlassian makes the frame as high as what is in it.
  const measure = () => send({ kind: "height", height: Math.ceil(document.body.getBoundingClientRect().height) });
  addEventListener("DOMContentLoaded", () => {
    new ResizeObserver(measure).observe(document.body);
    measure();
  });
}
