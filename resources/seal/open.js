// What the page shows: one thing at a time.
const language = navigator.languages.map((l) => l.slice(0, 2)).find((l) => l in WORDS) || "en";
const $ = (id) => document.getElementById(id);
const say = (word, gaps = {}) => WORDS[language][word].replace(/{(\w+)}/g, (_, name) => gaps[name]);
let key = null, stream = null, sealed = null, hint = "", moving = false;

function show(word, { mood = "", gaps = {}, parts = [], offer = "save" } = {}) {
  $("told").textContent = say(word, gaps);
  $("told").className = mood;
  if (word === "waiting") return;
  $("save").textContent = say(offer);
  $("save").className = offer === "save" ? "first" : "";
  for (const id of ["ask", "unlock", "moving", "save", "stop"]) $(id).hidden = !parts.includes(id);
}

/** Asks for whatever is missing. */
function ask(refused) {
  const missing = !stream && !key ? "askBoth" : !key ? "askKey" : hint ? "askNamed" : "askFile";
  const word = refused || missing;
  show(word, { mood: refused ? "bad" : "", gaps: { name: hint }, parts: key ? ["ask"] : ["ask", "unlock"] });
  $("drop").hidden = stream !== null;
  $("typing").hidden = key !== null;
  $("key").setAttribute("aria-invalid", String(refused === "wrongKey" || refused === "slip"));
  if (stream) $("key").focus();
}

async function consider() {
  sealed = null;
  document.title = "Testigo";
  $("title").textContent = say("untitled");
  $("about").textContent = "";
  $("hash").hidden = true;
  if (!key || !stream) return ask();
  show("looking");
  try {
    sealed = await look(stream, key);
  } catch (error) {
    const word = error.word || (error instanceof Interruption ? "unreachable" : "damaged");
    if (word === "wrongKey") key = null; else { stream.close(); stream = null; hint = ""; $("chosen").textContent = say("drop"); }
    return ask(word);
  }
  document.title = $("title").textContent = sealed.name;
  $("about").textContent = [amount(sealed.size), sealed.type].filter(Boolean).join(" · ");
  $("hash").hidden = false;
  $("hash").querySelector("dd").textContent = sealed.sha256;
  show("ready", { parts: ["save"] });
  $("save").focus();
}

function advance(done, total) {
  $("bar").value = total ? done / total : 1;
  const text = say("moving", { done: amount(done), total: amount(total) });
  if ($("count").textContent !== text) $("count").textContent = text;
  if ($("told").textContent === say("waiting")) $("told").textContent = "";
}

async function save() {
  let sink = null;
  try {
    sink = await openSink(sealed.name);
    if (!sink) return;
    moving = true;
    show("looking", { parts: ["moving", "stop"] });
    $("told").textContent = "";
    $("stop").focus();
    advance(0, sealed.size);
    await unseal(stream, sealed, sink, advance);
    const word = await sink.close();
    show(word, { mood: "ok", parts: ["save"], offer: "again" });
  } catch (error) {
    await sink?.abort();
    const word = error.word || (error instanceof Interruption ? "lost" : error.name === "QuotaExceededError" ? "full" : "disk");
    show(word, { mood: word === "stopped" ? "" : "bad", parts: ["save"], offer: "retry" });
  } finally { moving = false; }
}

function choose(file) {
  if (!file || moving) return;
  stream?.close();
  stream = new Stream(new Chosen(file));
  $("chosen").textContent = file.name;
  consider();
}

async function start() {
  const parts = new URLSearchParams(location.hash.slice(1).replace(/\+/g, "%2B"));
  history.replaceState(null, "", location.pathname + location.search);
  document.documentElement.lang = language;
  for (const part of document.querySelectorAll("[data-word]")) part.textContent = say(part.dataset.word);
  $("chosen").textContent = say("drop");
  if (!window.isSecureContext || !crypto.subtle) {
    $("title").textContent = say("untitled");
    return show("insecure", { mood: "bad" });
  }
  sweep();
  key = parts.has("k") ? await readKey(parts.get("k")) : null;
  if (parts.has("u")) {
    const url = new URL(parts.get("u"), location.href);
    hint = decodeURIComponent(url.pathname.split("/").pop());
    if (/^https?:$/.test(url.protocol) && /^https?:$/.test(location.protocol)) stream = new Stream(new Remote(url.href), () => show("waiting"));
  }
  const slip = parts.has("k") && !key;
  await consider();
  if (slip) ask("slip");
}

$("save").addEventListener("click", save);
$("stop").addEventListener("click", () => stream.stop());
$("file").addEventListener("change", (event) => { choose(event.target.files[0]); event.target.value = ""; });
$("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  key = await readKey($("key").value);
  if (key) { $("key").value = ""; consider(); } else ask("slip");
});
addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  choose(event.dataTransfer.files[0]);
});
addEventListener("beforeunload", (event) => { if (moving) event.preventDefault(); });
addEventListener("hashchange", () => location.reload());
start();
