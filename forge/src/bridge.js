// The one seam to Jira's bridge. Everything else of the bundles asks here and could run in any page that has these few functions.

import { events, invokeRemote, router, view } from "@forge/bridge";

const PATIENCE = 28000; // milliseconds; Forge itself gives up after 25 seconds
const REFUSED = /\b401\b|unauthori[sz]ed/i; // what the bridge says, where it says no more, of a refused token
const LARGEST = 480 * 1000; // bytes of a request; Forge refuses more than 500 KB

// One call to the connector. Never throws: { status, body } with status 0 when no answer came, -1 when none came in time.
//
// Forge hands on the body of a success only (its reference says that others reject and lose their status), so the connector is asked
// to answer refusals as successes whose body names the status: x-okr-envelope. A bridge that hands on every answer works as well.
export async function call(path, { method = "GET", body } = {}) {
  const size = body === undefined ? 0 : new Blob([JSON.stringify(body)]).size;
  if (size > LARGEST) return refused(413, "This is more than Jira passes on at once. Shorten the text.");
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE, "late")));
  try {
    const input = { path, method, headers: { accept: "application/json", "x-okr-envelope": "1" } };
    const answer = await Promise.race([invokeRemote(body === undefined ? input : { ...input, body }), late]);
    return answer === "late" ? { status: -1, body: {} } : read(answer);
  } catch (error) {
    return { status: REFUSED.test(error?.message ?? "") ? 401 : 0, body: {} };
  } finally {
    clearTimeout(timer);
  }
}

function refused(status, detail) {
  return { status, body: { status, detail } };
}

function read(answer) {
  const body = parsed(answer?.body);
  const status = Number(answer?.status) || 0;
  if (body && typeof body.status === "number" && body.status >= 400) return { status: body.status, body };
  if (status >= 400) return { status, body: body ?? {} };
  if (!body && REFUSED.test(answer?.message ?? "")) return { status: 401, body: {} };
  if (body) return { status: status || 200, body };
  return { status: status >= 200 && status < 300 ? status : 0, body: {} };
}

function parsed(body) {
  if (typeof body !== "string") return body && typeof body === "object" ? body : null;
  try {
    const value = JSON.parse(body);
    return value && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

export async function context() {
  try {
    return (await view.getContext()) ?? {};
  } catch {
    return {};
  }
}

// Follow Jira's light and dark: the bridge sets data-color-mode on the page, frame.css knows it.
export async function followTheme() {
  try {
    await view.theme.enable();
  } catch {
    // the system's own scheme then
  }
}

// Pages outside of the frame open in a tab of their own.
export async function open(address) {
  try {
    await router.open(address);
  } catch {
    window.open(address, "_blank", "noopener");
  }
}

export async function rename(title) {
  try {
    await view.changeWindowTitle(title);
  } catch {
    // not every place has a title
  }
}

export async function history() {
  try {
    return await view.createHistory();
  } catch {
    return null;
  }
}

export async function hear(event, listener) {
  try {
    await events.on(event, listener);
  } catch {
    // a place without this event
  }
}

export const submit = (values) => view.submit(values);
