// Builds the bundles of the Forge app: one folder of dist/ for each resource of the manifest, with index.html, main.js and main.css.
// Styles, scripts of our own pages and marks have one source, the connector's static files; nothing here is fetched from anywhere.

import { gzipSync } from "node:zlib";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const CONNECTOR = join(HERE, "..", "connector");
const STATIC = join(CONNECTOR, "static");
const DIST = process.env.OKR_FORGE_DIST || join(HERE, "dist");
const LIMIT = 60 * 1024; // bytes of one resource, compressed

// resource → title, styles of the connector, and what stands in the frame until the first answer
const RESOURCES = {
  issue: { title: "OKR", styles: ["panel.css", "check_in.css"], first: "Reading what this issue serves" },
  dashboard: { title: "OKR", styles: ["panel.css", "dashboard.css", "check_in.css"], first: "Reading key results" },
  "dashboard-edit": { title: "OKR settings", styles: ["panel.css", "dashboard.css"], first: "Reading what can be shown" },
  page: {
    title: "OKR",
    styles: ["plan.css", "people.css", "connections.css", "mapping.css", "drift.css", "exchange.css", "panel.css", "check_in.css"],
    first: "Reading the page",
  },
};

// The bridge's own entry carries feature flags, telemetry and more: only what we use is bundled, by its file.
const BRIDGE = join(HERE, "node_modules", "@forge", "bridge", "out");
const slim = {
  name: "slim-bridge",
  setup(builder) {
    builder.onResolve({ filter: /^@forge\/bridge$/ }, () => ({ path: "bridge", namespace: "slim" }));
    builder.onLoad({ filter: /.*/, namespace: "slim" }, () => ({
      contents: `
        export { invokeRemote } from "./invoke-endpoint/invoke-remote.js";
        export { router } from "./router/router.js";
        export { events } from "./events/events.js";
        import { getContext } from "./view/getContext.js";
        import { submit } from "./view/submit.js";
        import { theme } from "./view/theme.js";
        import { createHistory } from "./view/createHistory.js";
        import { changeWindowTitle } from "./view/changeWindowTitle.js";
        export const view = { getContext, submit, theme, createHistory, changeWindowTitle };`,
      resolveDir: BRIDGE,
    }));
  },
};

// A script of our own pages runs once for each page that the frame shows, not once for each load of the frame.
const scripts = {
  name: "page-scripts",
  setup(builder) {
    builder.onResolve({ filter: /^page-script:/ }, ({ path }) => ({ path: join(STATIC, path.slice(12)), namespace: "page-script" }));
    builder.onLoad({ filter: /.*/, namespace: "page-script" }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      if (/^\s*(import|export)\b/m.test(source)) throw new Error(`${path} imports or exports: the frame cannot run it again and again`);
      return { contents: `export default function run() {\n${source}\n}` };
    });
    builder.onResolve({ filter: /^static:/ }, ({ path }) => ({ path: join(STATIC, path.slice(7)), namespace: "static" }));
    builder.onLoad({ filter: /htmx\.min\.js$/, namespace: "static" }, ({ path }) => ({
      contents: `${readFileSync(path, "utf8")}\nexport default htmx;`,
    }));
  },
};

function styles(names) {
  const files = ["tokens.css", "app.css", ...names].map((name) => join(STATIC, name));
  const missing = files.filter((file) => !existsSync(file));
  if (missing.length) throw new Error(`missing styles: ${missing.join(", ")}`);
  return [...files, join(HERE, "src", "frame.css")].map((file) => `@import ${JSON.stringify(file)};`).join("\n");
}

function html({ title, first }, name) {
  const marks = readFileSync(join(CONNECTOR, "templates", "marks.svg"), "utf8");
  const values = { TITLE: title, FIRST: first, MARKS: marks, HTMX: name === "page" ? htmxConfig() : "" };
  return readFileSync(join(HERE, "src", "index.html"), "utf8").replace(/@(\w+)@/g, (_, key) => values[key]);
}

// The same words as on our own pages: inline styles and eval stay forbidden.
function htmxConfig() {
  const found = /<meta name="htmx-config"[^\n]*>/.exec(readFileSync(join(CONNECTOR, "templates", "base.html"), "utf8"));
  if (!found) throw new Error("base.html holds no htmx-config");
  return found[0];
}

async function resource(name) {
  const folder = join(DIST, name);
  const settings = RESOURCES[name];
  mkdirSync(folder, { recursive: true });
  // htmx holds an eval that its configuration forbids, as our policy does.
  const quiet = { logLevel: "warning", logOverride: { "direct-eval": "silent" } };
  const shared = { ...quiet, bundle: true, minify: true, write: false, legalComments: "none", target: "es2022" };
  const script = await build({
    ...shared,
    entryPoints: [join(HERE, "src", `${name.replace("-", "_")}.js`)],
    format: "esm",
    plugins: [slim, scripts],
    nodePaths: [join(HERE, "node_modules")],
  });
  const style = await build({ ...shared, stdin: { contents: styles(settings.styles), loader: "css", resolveDir: HERE } });
  const files = { "index.html": html(settings, name), "main.js": script.outputFiles[0].text, "main.css": style.outputFiles[0].text };
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const size = Object.values(files).reduce((sum, text) => sum + gzipSync(text).length, 0);
  console.log(`${name.padEnd(15)} ${(size / 1024).toFixed(1).padStart(5)} KB compressed`);
  if (size > LIMIT) throw new Error(`${name} is larger than ${LIMIT / 1024} KB compressed`);
}

rmSync(DIST, { recursive: true, force: true });
for (const name of Object.keys(RESOURCES)) await resource(name);
