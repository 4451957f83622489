// The format: uploader/seal.py.
const MAGIC = new TextEncoder().encode("TESTIGO\x01");
const HEADER = 40, TAG = 16, CONTENTS = 4096 + TAG, FILE_AT = HEADER + CONTENTS, RECORD = 1 << 20;
const FOLDER = "testigo-opened", TRIES = 5, STALL_MS = 60000;

class Refusal extends Error {
  constructor(word) { super(word); this.word = word; }
}
class Interruption extends Error {}

/** SHA-256 piece by piece; WebCrypto only knows whole texts, and the whole does not fit into memory. */
class Sha256 {
  constructor() {
    const primes = [];
    for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
    const fraction = (x) => ((x % 1) * 2 ** 32) | 0;
    this.k = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
    this.h = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));
    this.w = new Int32Array(64);
    this.rest = new Uint8Array(64);
    this.held = this.length = 0;
  }
  update(bytes) {
    this.length += bytes.length;
    let at = 0;
    if (this.held) {
      at = Math.min(64 - this.held, bytes.length);
      this.rest.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) return;
      this.mix(this.rest, 0, 64);
    }
    const end = at + ((bytes.length - at) & ~63);
    this.mix(bytes, at, end);
    this.rest.set(bytes.subarray(end));
    this.held = bytes.length - end;
  }
  mix(bytes, from, to) {
    const { k, h, w } = this;
    for (let at = from; at < to; at += 64) {
      for (let i = 0, b = at; i < 16; i++, b += 4) {
        w[i] = (bytes[b] << 24) | (bytes[b + 1] << 16) | (bytes[b + 2] << 8) | bytes[b + 3];
      }
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15], y = w[i - 2];
        const s = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const t = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s + w[i - 7] + t) | 0;
      }
      let a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], j = h[7];
      for (let i = 0; i < 64; i++) {
        const s = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const one = (j + s + ((e & f) ^ (~e & g)) + k[i] + w[i]) | 0;
        const t = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const two = (t + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        j = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += j;
    }
  }
  hex() {
    const length = this.length, end = new Uint8Array((this.held < 56 ? 64 : 128) - this.held);
    end[0] = 0x80;
    new DataView(end.buffer).setBigUint64(end.length - 8, BigInt(length) * 8n);
    this.update(end);
    return Array.from(this.h, (n) => (n >>> 0).toString(16).padStart(8, "0")).join("");
  }
}

/** The sealed file as it lies on this computer. */
class Chosen {
  constructor(file) { this.file = file; this.total = file.size; }
  async open(offset) { return this.file.slice(offset).stream().getReader(); }
}

/** The sealed file as it lies on a server. */
class Remote {
  constructor(url) { this.url = url; this.total = null; this.control = null; }
  async open(offset) {
    this.control = new AbortController();
    const headers = offset ? { Range: `bytes=${offset}-` } : {};
    let reply;
    try {
      reply = await fetch(this.url, { headers, signal: this.control.signal, cache: "no-store", referrerPolicy: "no-referrer" });
    } catch (error) { throw new Interruption(error.message); }
    if (reply.status === 416) throw new Refusal("cut");
    if (reply.status === 429 || reply.status >= 500) throw new Interruption(String(reply.status));
    if (!reply.ok) throw new Refusal("gone");
    const whole = reply.headers.get("Content-Length");
    if (!offset && whole && !reply.headers.get("Content-Encoding")) this.total = Number(whole);
    const reader = reply.body.getReader();
    return reply.status === 206 ? reader : skipping(reader, offset);
  }
  cut() { this.control?.abort(); }
}

/** For a server that knows no ranges: what was read already is read again and dropped. */
function skipping(reader, offset) {
  return {
    cancel: () => reader.cancel(),
    async read() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || !offset) return { done, value };
        const dropped = Math.min(offset, value.length);
        offset -= dropped;
        if (dropped < value.length) return { done, value: value.subarray(dropped) };
      }
    },
  };
}

/** Bytes from a place in the sealed file on, taken in the sizes that are wanted; a lost connection is taken up again. */
class Stream {
  constructor(source, onWait = () => {}) {
    Object.assign(this, { source, onWait, reader: null, failed: 0, offset: 0, rest: new Uint8Array(0) });
    this.stopped = this.opened = false;
  }
  move(offset) {
    this.stopped = false;
    this.failed = 0;
    if (this.offset - this.rest.length === offset && this.reader) return;
    this.close();
    this.offset = offset;
    this.rest = new Uint8Array(0);
  }
  close() {
    this.reader?.cancel().catch(() => {});
    this.source.cut?.();
    this.reader = null;
  }
  stop() {
    this.stopped = true;
    this.close();
  }
  /** As much of the buffer as there is left of the file. */
  async fill(buffer) {
    let have = 0;
    while (have < buffer.length) {
      if (!this.rest.length) {
        this.rest = await this.piece();
        if (!this.rest.length) break;
      }
      const part = this.rest.subarray(0, buffer.length - have);
      buffer.set(part, have);
      have += part.length;
      this.rest = this.rest.subarray(part.length);
    }
    return buffer.subarray(0, have);
  }
  async piece() {
    for (;;) {
      if (this.stopped) throw new Refusal("stopped");
      const stall = setTimeout(() => this.source.cut?.(), STALL_MS);
      try {
        this.reader ||= await this.source.open(this.offset);
        this.opened = true;
        const { done, value } = await this.reader.read().catch((error) => { throw new Interruption(error.message); });
        if (done) return new Uint8Array(0);
        if (!value.length) continue;
        this.offset += value.length;
        this.failed = 0;
        return value;
      } catch (error) {
        this.reader = null;
        if (this.stopped) continue;
        if (!(error instanceof Interruption) || !this.source.cut || !this.opened || ++this.failed > TRIES) throw error;
        this.onWait();
        await new Promise((go) => setTimeout(go, 500 * 2 ** this.failed));
      } finally { clearTimeout(stall); }
    }
  }
}

class Lock {
  static async of(key, header) {
    const lock = new Lock();
    const mac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
    const made = new Uint8Array(await crypto.subtle.sign("HMAC", mac, header.slice(0, 24)));
    if (made.subarray(39, 55).some((byte, at) => byte !== header[24 + at])) throw new Refusal("wrongKey");
    lock.aes = await crypto.subtle.importKey("raw", made.subarray(0, 32), "AES-GCM", false, ["decrypt"]);
    lock.nonce = new Uint8Array(12);
    lock.nonce.set(made.subarray(32, 39));
    lock.header = header;
    return lock;
  }
  async open(number, last, record) {
    const iv = this.nonce.slice();
    new DataView(iv.buffer).setUint32(7, number);
    iv[11] = last ? 1 : 0;
    try {
      return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: this.header }, this.aes, record));
    } catch { throw new Refusal("damaged"); }
  }
}

/** What is in the sealed file, proven with the key; the file's own bytes are not read yet. */
async function look(stream, key) {
  stream.move(0);
  const header = await stream.fill(new Uint8Array(HEADER));
  if (MAGIC.subarray(0, 7).some((byte, at) => byte !== header[at])) throw new Refusal("notSealed");
  if (header[7] !== MAGIC[7]) throw new Refusal("newer");
  if (header.length < HEADER) throw new Refusal("cut");
  const lock = await Lock.of(key, header);
  const record = await stream.fill(new Uint8Array(CONTENTS));
  if (record.length < CONTENTS) throw new Refusal("cut");
  const contents = JSON.parse(new TextDecoder().decode(await lock.open(0, false, record)));
  const { size_bytes: size } = contents;
  if (!Number.isSafeInteger(size) || size < 0 || size > RECORD * (2 ** 32 - 1)) throw new Refusal("damaged");
  const total = FILE_AT + size + Math.max(1, Math.ceil(size / RECORD)) * TAG;
  if (stream.source.total !== null && stream.source.total < total) throw new Refusal("cut");
  if (stream.source.total !== null && stream.source.total > total) throw new Refusal("long");
  return { lock, size, name: clean(String(contents.name)), type: String(contents.media_type), sha256: String(contents.sha256) };
}

/** Hands the file to the sink record by record, each only when it is proven, and all only when the end is. */
async function unseal(stream, { lock, size, sha256 }, sink, onProgress) {
  const count = Math.max(1, Math.ceil(size / RECORD)), buffer = new Uint8Array(RECORD + TAG), digest = new Sha256();
  stream.move(FILE_AT);
  let done = 0;
  for (let number = 1; number <= count; number++) {
    const wanted = Math.min(RECORD, size - done) + TAG;
    const record = await stream.fill(buffer.subarray(0, wanted));
    if (record.length < wanted) throw new Refusal("cut");
    const plain = await lock.open(number, number === count, record);
    digest.update(plain);
    done += plain.length;
    await sink.write(plain);
    onProgress(done, size);
  }
  if ((await stream.fill(new Uint8Array(1))).length) throw new Refusal("long");
  if (digest.hex() !== sha256) throw new Refusal("changed");
  if (stream.stopped) throw new Refusal("stopped");
}

/** Where the file goes: a place the user chose, else a private one of this page and then a download. */
async function openSink(name) {
  if (window.showSaveFilePicker) {
    try {
      const handle = await window.showSaveFilePicker({ suggestedName: name });
      return await writing(handle, async () => "saved", async () => {
        if ((await handle.getFile()).size === 0) await handle.remove?.();  // the picker made it; an older file stays
      });
    } catch (error) {
      if (error.name === "AbortError") return null;
    }
  }
  try {
    const folder = await privateFolder(true), place = `${FOLDER}-${crypto.randomUUID()}`;
    const held = navigator.locks.request(place, () => new Promise(() => {}));  // tells other pages' sweeps: in use
    held.catch(() => {});
    const handle = await folder.getFileHandle(place, { create: true });
    const remove = () => folder.removeEntry(place).catch(() => {});
    return await writing(handle, async () => {
      download(await handle.getFile(), name);
      setTimeout(remove, 600000);
      return "handed";
    }, remove);
  } catch { /* private windows, old browsers, pages from disk */ }
  const parts = [];  // each a Blob: browsers keep those outside the page's memory
  return {
    write: async (plain) => { parts.push(new Blob([plain])); },
    close: async () => { download(new Blob(parts), name); return "handed"; },
    abort: async () => { parts.length = 0; },
  };
}

async function writing(handle, finish, remove) {
  let file;
  try { file = await handle.createWritable(); } catch (error) { await remove().catch(() => {}); throw error; }
  return {
    write: (plain) => file.write(plain),
    close: async () => { await file.close(); return finish(); },
    abort: async () => { await file.abort().catch(() => {}); await remove().catch(() => {}); },
  };
}

function download(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file], { type: "application/octet-stream" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 600000);
}

/** Ours alone: the place belongs to everything that this server serves. */
async function privateFolder(create) {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create });
}

/** Copies that an earlier visit left behind. */
async function sweep() {
  try {
    const folder = await privateFolder(false);
    for await (const name of folder.keys()) {
      await navigator.locks.request(name, { ifAvailable: true }, (lock) => lock && folder.removeEntry(name));
    }
  } catch { /* no such place here */ }
}

function clean(name) {
  name = name.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, "");
  name = name.replace(/[<>:"/\\|?*]/g, "_").replace(/\s/g, " ").replace(/^[ .]+|[ .]+$/g, "");
  if (/^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i.test(name)) name = "_" + name;
  const suffix = /\.[^.]{1,12}$/.exec(name)?.[0] || "";
  return (Array.from(name.slice(0, name.length - suffix.length)).slice(0, 100).join("") || "file") + suffix;
}

/** The key as it stands in a link or in a ticket; null when it has a slip. */
async function readKey(text) {
  text = text.replace(/\s/g, "");
  if (/^[\w-]{43}$/.test(text)) {
    return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/") + "="), (c) => c.charCodeAt(0));
  }
  const plain = text.replace(/-/g, "").toUpperCase().replace(/O/g, "0").replace(/[IL]/g, "1");
  if (!/^[0-9A-HJKMNP-TV-Z]{56}$/.test(plain)) return null;
  let bits = 0n;
  for (const letter of plain) bits = (bits << 5n) | BigInt("0123456789ABCDEFGHJKMNPQRSTVWXYZ".indexOf(letter));
  const bytes = Uint8Array.from({ length: 35 }, (_, at) => Number((bits >> BigInt(8 * (34 - at))) & 255n));
  const key = bytes.slice(0, 32), check = new Uint8Array(await crypto.subtle.digest("SHA-256", key));
  return check.subarray(0, 3).every((byte, at) => byte === bytes[32 + at]) ? key : null;
}

function amount(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  while (unit < 3 && bytes >= 999.5) { bytes /= 1000; unit++; }
  return new Intl.NumberFormat(language, { maximumFractionDigits: unit && bytes < 9.95 ? 1 : 0 }).format(bytes) + " " + units[unit];
}
