// Puts the bridge under fetch and XMLHttpRequest, so that scripts written for our own pages work inside a frame as they are.

// `ask` takes { path, method, body, headers } and gives { body: { status, html | raw, type, headers, path } }, null when nothing came.
export function carry(ask) {
  function text(data) {
    if (data === null || data === undefined) return "";
    if (typeof data === "string") return data;
    return new URLSearchParams(data instanceof FormData ? [...data].filter(([, value]) => typeof value === "string") : data).toString();
  }

  async function request(path, method, data, headers) {
    const body = text(data);
    const told = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
    const kind = body && !told ? { "Content-Type": "application/x-www-form-urlencoded" } : {};
    const outcome = await ask({ path, method, body, headers: { ...headers, ...kind } });
    if (!outcome) return null;
    const page = outcome.body;
    const given = page.headers ?? {};
    const away = given["HX-Redirect"] ?? given["HX-Location"];
    if (away && !away.startsWith("{")) {
      // htmx would leave the frame for an address that only exists behind the bridge
      dispatchEvent(new CustomEvent("frame:go", { detail: away }));
      delete given["HX-Redirect"];
      delete given["HX-Location"];
    }
    const { status = 200, raw, html = "", type = "text/html" } = page;
    return { status, text: raw ?? html, type, headers: given, path: page.path ?? path };
  }

  window.fetch = async (input, { method = "GET", body, headers = {}, signal } = {}) => {
    const address = String(input?.url ?? input);
    const told = await request(address, method.toUpperCase(), body, Object.fromEntries(new Headers(headers)));
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    if (!told) throw new TypeError("Failed to fetch");
    const { status, text: content, type } = told;
    return new Response(status === 204 ? null : content, { status, headers: { ...told.headers, "Content-Type": type } });
  };

  window.XMLHttpRequest = class CarriedRequest extends EventTarget {
    upload = new EventTarget();
    readyState = 0;
    status = 0;
    statusText = "";
    responseText = "";
    responseURL = "";
    timeout = 0;
    withCredentials = false;
    #given = {};
    #asked = {};
    #ended = false;

    open(method, path) {
      this.#asked = { method: method.toUpperCase(), path: String(path) };
      this.readyState = 1;
    }

    setRequestHeader(name, value) {
      this.#given[name] = value;
    }

    overrideMimeType() {}

    get response() {
      return this.responseText;
    }

    getResponseHeader(name) {
      return this.#given.answer?.[name.toLowerCase()] ?? null;
    }

    getAllResponseHeaders() {
      return Object.entries(this.#given.answer ?? {}).map(([name, value]) => `${name}: ${value}`).join("\r\n");
    }

    async send(data) {
      const { answer: _, ...headers } = this.#given;
      this.#tell("loadstart");
      const told = await request(this.#asked.path, this.#asked.method, data, headers);
      if (this.#ended) return;
      this.#ended = true;
      this.readyState = 4;
      if (told) {
        this.status = told.status;
        this.responseText = told.text;
        this.responseURL = location.origin + told.path;
        const given = Object.entries(told.headers).map(([name, value]) => [name.toLowerCase(), value]);
        this.#given.answer = { "content-type": told.type, ...Object.fromEntries(given) };
      }
      this.#tell(told ? "load" : "error");
      this.#tell("loadend");
    }

    abort() {
      if (this.#ended || this.readyState === 0) return;
      this.#ended = true;
      this.#tell("abort");
      this.#tell("loadend");
    }

    #tell(name) {
      const event = new ProgressEvent(name);
      this[`on${name}`]?.(event);
      this.dispatchEvent(event);
    }
  };
}
