// What somebody typed and what was not saved yet, kept in this tab until it is saved or given up.

const memory = new Map(); // where the browser keeps nothing for a frame

function store(act) {
  try {
    return act(sessionStorage);
  } catch {
    return undefined;
  }
}

export function keep(key, entries) {
  memory.set(key, entries);
  store((session) => session.setItem(key, JSON.stringify(entries)));
}

export function forget(key) {
  memory.delete(key);
  store((session) => session.removeItem(key));
}

export function kept(key) {
  const text = store((session) => session.getItem(key));
  try {
    return text ? JSON.parse(text) : memory.get(key) ?? null;
  } catch {
    return null;
  }
}

// [[name, value], …] of everything in a form, hidden fields too: they say which entry this is, so that it is filed once.
export function entries(form) {
  return [...new FormData(form)].filter(([, value]) => typeof value === "string");
}

export function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function fill(form, given) {
  const values = new Map();
  for (const [name, value] of given) values.set(name, [...(values.get(name) ?? []), value]);
  const seen = new Map();
  for (const control of form.elements) {
    if (!control.name || control.matches("button, fieldset, output, [type=file]")) continue;
    const wanted = values.get(control.name) ?? [];
    if (control.matches("[type=checkbox], [type=radio]")) {
      control.checked = wanted.includes(control.value);
    } else if (control.matches("select[multiple]")) {
      for (const option of control.options) option.selected = wanted.includes(option.value);
    } else if (wanted.length) {
      const place = seen.get(control.name) ?? 0;
      seen.set(control.name, place + 1);
      if (wanted[place] !== undefined) control.value = wanted[place];
    }
  }
}

// A form as JSON: a repeated name becomes a list, the button that was clicked is part of it.
export function json(form, submitter) {
  const data = {};
  for (const [name, value] of new FormData(form, submitter)) {
    if (typeof value !== "string") continue;
    data[name] = name in data ? [data[name], value].flat() : value;
  }
  return data;
}
