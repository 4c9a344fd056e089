/**
 * A source of messages over a WebSocket that comes back by itself.
 *
 * A source is what `mount` needs: `watch(view)`, `listen(message, connection)`, `get(path)`,
 * `post(path, body)`, `close()`; and `download(path, body)` where there is a server that makes files.
 * A notebook can hand `mount` another one.
 */

const FIRST_WAIT = 300;
const LONGEST_WAIT = 4000;
const PAUSE = 50; // milliseconds between two views that are sent; the server reads 20 a second
const CAN_UNPACK = "DecompressionStream" in globalThis;

/**
 * @param {URL} base the address of "lab/", relative to the page so that proxies work
 * @returns {object} a source
 */
export function connect(base) {
  const address = new URL(CAN_UNPACK ? "ws?packed=1" : "ws", base);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  let socket = null;
  let wait = FIRST_WAIT;
  let timer = 0;
  let wanted = null;
  let pause = 0; // a timer, while no view is sent
  let sent = null;
  let last = Promise.resolve(); // unpacking takes a moment, and messages stay in order
  let onMessage = () => {};
  let onConnection = () => {};

  function open() {
    socket = new WebSocket(address);
    socket.onopen = () => {
      wait = FIRST_WAIT;
      onConnection("open");
      sent = null;
      tell();
    };
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      last = last.then(() => take(data)).catch(reportError);
    };
    socket.onclose = () => {
      onConnection("lost");
      timer = setTimeout(open, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  }

  /** Send the view that is wanted; what is wanted in the pause after it is sent then, the last one. */
  function tell() {
    clearTimeout(pause);
    pause = 0;
    if (wanted === null || wanted === sent || socket?.readyState !== WebSocket.OPEN) return;
    sent = wanted;
    socket.send(sent);
    pause = setTimeout(tell, PAUSE);
  }

  async function take(data) {
    for (const text of await unpack(data)) onMessage(JSON.parse(text));
  }

  function send(path, body) {
    return fetch(new URL(path, base), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  /** POST JSON; resolves to the answer, which has `error` when something was refused. */
  async function post(path, body) {
    try {
      const response = await send(path, body);
      const answer = await response.json().catch(() => ({}));
      return response.ok || answer.error ? answer : { error: answer.detail ?? "Refused." };
    } catch {
      return { error: "The dashboard's server does not answer: is it still running?" };
    }
  }

  /** GET JSON; resolves to null when there is none. */
  async function get(path) {
    try {
      const response = await fetch(new URL(path, base));
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  /** POST JSON for a file; resolves to {file}, a Blob, or to {error} when it was refused. */
  async function download(path, body) {
    try {
      const response = await send(path, body);
      if (response.ok) return { file: await response.blob() };
      const answer = await response.json().catch(() => ({}));
      return { error: answer.error ?? "Refused." };
    } catch {
      return { error: "The dashboard's server does not answer: is it still running?" };
    }
  }

  return {
    listen(message, connection) {
      onMessage = message;
      onConnection = connection;
      open();
    },
    watch(view) {
      const text = JSON.stringify(view);
      if (text === wanted) return;
      wanted = text;
      if (!pause) tell();
    },
    get,
    post,
    download,
    close() {
      clearTimeout(timer);
      clearTimeout(pause);
      if (socket) socket.onclose = null;
      socket?.close();
    },
  };
}

/**
 * The messages of a frame as JSON: one in a frame of text, any number in a binary one, which
 * grpo_core/app/dashboard/packing.py describes.
 * @param {string|ArrayBuffer} data
 */
function unpack(data) {
  if (typeof data === "string") return [data];
  const view = new DataView(data);
  const texts = [];
  for (let at = 0; at < data.byteLength; ) {
    const packed = view.getUint8(at) === 1;
    const part = new Uint8Array(data, at + 5, view.getUint32(at + 1));
    texts.push(packed ? inflate(part) : new TextDecoder().decode(part));
    at += 5 + part.length;
  }
  return Promise.all(texts);
}

function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}
