// Puts the bridge under fetch and XMLHttpRequest, so that scripts written for our own pages work inside a frame as they are.

// `ask` takes { path, method, body, headers } and gives { body: { status, html | raw, type, headers, path } }, null when nothing came.
export function carry(ask) {
  const text = (data) => (data === null || data === undefined ? "" : typeof data === "string" ? data : new URLSearchParams(data instanceof FormData ? [...data].filter(([, value]) => typeof value === "string") : data).toString());

  async function request(path, method, data, headers) {
    const body = text(data);
    const typed = body && !Object.keys(headers).some((name) => name.toLowerCase() === "content-type") ? { ...headers, "Content-Type": "application/x-www-form-urlencoded" } : headers;
    const outcome = await ask({ path, method, body, headers: typed });
    if (!outcome) return null;
    const { body: told } = outcome;
    const away = told.headers?.["HX-Redirect"] ?? told.headers?.["HX-Location"];
    if (away && !away.startsWith("{")) {
      // htmx would leave the frame for an address that only exists behind the bridge
      dispatchEvent(new CustomEvent("frame:go", { detail: away }));
      delete told.headers["HX-Redirect"];
      delete told.headers["HX-Location"];
    }
    return { status: told.status ?? 200, text: told.raw ?? told.html ?? "", type: told.type ?? "text/html", headers: told.headers ?? {}, path: told.path ?? path };
  }

  window.fetch = async (input, { method = "GET", body, headers = {}, signal } = {}) => {
    const told = await request(String(input?.url ?? input), method.toUpperCase(), body, Object.fromEntries(new Headers(headers)));
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
    if (!told) throw new TypeError("Failed to fetch");
    return new Response(told.status === 204 ? null : told.text, { status: told.status, headers: { ...told.headers, "Content-Type": told.type } });
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
        this.#given.answer = { "content-type": told.type, ...Object.fromEntries(Object.entries(told.headers).map(([name, value]) => [name.toLowerCase(), value])) };
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
