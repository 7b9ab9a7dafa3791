"use strict";
const $ = (id) => document.getElementById(id);
const ENDPOINT = location.pathname;
const EXAMPLES = {
  "Who am I": ["{\n  viewer {\n    user { email }\n    projects { id name role }\n  }\n}", ""],
  "Newest traces": [
    "query Traces($project: ID!, $filter: TraceFilter) {\n  project(id: $project) {\n    traces(first: 20, filter: $filter) {\n      edges {\n        node {\n          id name timestamp level latencyMs\n          totalCost observationCount inputPreview\n        }\n      }\n      pageInfo { hasNextPage endCursor }\n      isCut\n    }\n  }\n}",
    '{\n  "project": "default",\n  "filter": {}\n}'],
  "One trace": [
    "query Trace($project: ID!, $trace: ID!) {\n  project(id: $project) {\n    trace(id: $trace) {\n      name userId sessionId tags input output metadata\n      usage { key value }\n      observations(first: 100) {\n        edges { node { id parentObservationId type name level latencyMs model input output } }\n      }\n    }\n  }\n}",
    '{\n  "project": "default",\n  "trace": ""\n}'],
  "Follow new traces": [
    "subscription Tail($project: ID!, $filter: TraceFilter) {\n  traceTail(projectId: $project, filter: $filter) {\n    cursor\n    isGap\n    traces { id name timestamp level latencyMs observationCount }\n  }\n}",
    '{\n  "project": "default",\n  "filter": {}\n}'],
};

// --- Who is calling. The header lives as long as the tab; nothing is put into a cookie.
let authorization = sessionStorage.getItem("authorization") || "";
let caller = sessionStorage.getItem("caller") || "";
const headers = () => ({
  "Content-Type": "application/json", Accept: "application/json",
  ...(authorization ? { Authorization: authorization } : {}),
});
function setCaller(header, name) {
  authorization = header;
  caller = name;
  sessionStorage.setItem("authorization", header);
  sessionStorage.setItem("caller", name);
  $("who").textContent = name || "Not signed in";
  $("account").textContent = name ? "Account" : "Sign in";
}
async function post(query, variables, signal) {
  const answer = await fetch(ENDPOINT, {
    method: "POST", headers: headers(), signal, body: JSON.stringify({ query, variables }),
  });
  const text = await answer.text();
  try { return { status: answer.status, body: JSON.parse(text) }; }
  catch { return { status: answer.status, body: text }; }
}
async function signIn() {
  $("sign-in-error").textContent = "";
  const publicKey = $("public-key").value.trim();
  if (publicKey) {
    const header = "Basic " + btoa(publicKey + ":" + $("secret-key").value.trim());
    const before = [authorization, caller];
    setCaller(header, publicKey);
    const { status, body } = await post("{ viewer { projects { id } } }");
    if (status !== 200 || !body.data || !body.data.viewer) {
      setCaller(...before);
      throw new Error("These keys are not known");
    }
    const project = body.data.viewer.projects[0];
    if (project) fillProject(project.id);
    return;
  }
  const { body } = await post(
    "mutation SignIn($input: SignInInput!) { signIn(input: $input) { token user { email } } }",
    { input: { email: $("email").value.trim(), password: $("password").value } });
  if (!body.data || !body.data.signIn) throw new Error(body.errors ? body.errors[0].message : String(body));
  setCaller("Bearer " + body.data.signIn.token, body.data.signIn.user.email);
  const { body: mine } = await post("{ viewer { projects { id } } }");
  const project = mine.data && mine.data.viewer && mine.data.viewer.projects[0];
  if (project) fillProject(project.id);
}
/** Put the caller's project where an example only holds a stand-in. */
function fillProject(id) {
  for (const example of Object.values(EXAMPLES)) example[1] = example[1].replace('"project": "default"', `"project": ${JSON.stringify(id)}`);
  try {
    const variables = JSON.parse($("variables").value);
    if (variables.project === "default") {
      variables.project = id;
      setText("variables", JSON.stringify(variables, null, 2));
    }
  } catch { /* the person is in the middle of writing */ }
}

// --- Editors: a coloured copy lies under a transparent textarea.
const escaped = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
const GRAPHQL = /(#[^\n]*)|("""[\s\S]*?"""|"(?:\\.|[^"\\\n])*")|(\$\w+)|\b(query|mutation|subscription|fragment|on|true|false|null)\b|(-?\b\d+(?:\.\d+)?\b)|(\w+)(?=\s*:)/g;
const JSON_TOKENS = /("(?:\\.|[^"\\])*")(\s*:)|("(?:\\.|[^"\\])*")|\b(true|false|null)\b|(-?\b\d[\d.eE+-]*\b)/g;
const tag = (name, text) => `<span class="${name}">${escaped(text)}</span>`;
function coloured(text, pattern, colour) {
  let out = "", last = 0;
  for (const match of text.matchAll(pattern)) {
    out += escaped(text.slice(last, match.index)) + colour(match);
    last = match.index + match[0].length;
  }
  return out + escaped(text.slice(last));
}
const colourGraphql = (text) => coloured(text, GRAPHQL, ([all, comment, string, variable, word, number]) =>
  tag(comment ? "c" : string ? "s" : variable ? "v" : word ? "w" : number ? "n" : "k", all));
const colourJson = (text) => coloured(text, JSON_TOKENS, ([all, key, colon, string, word]) =>
  key ? tag("k", key) + escaped(colon) : tag(string ? "s" : word ? "w" : "n", all));
function paint(id) {
  const area = $(id), under = area.previousElementSibling;
  under.innerHTML = (id === "query" ? colourGraphql : colourJson)(area.value) + "\n";
  under.scrollTop = area.scrollTop;
}
function setText(id, text) { $(id).value = text; paint(id); remember(); }
function remember() {
  sessionStorage.setItem("query", $("query").value);
  sessionStorage.setItem("variables", $("variables").value);
}
for (const id of ["query", "variables"]) {
  $(id).addEventListener("input", () => { paint(id); remember(); checkVariables(); });
  $(id).addEventListener("scroll", () => { $(id).previousElementSibling.scrollTop = $(id).scrollTop; });
  $(id).addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      const before = $(id).value.slice(0, $(id).selectionStart);
      const indent = before.slice(before.lastIndexOf("\n") + 1).match(/^\s*/)[0];
      const deeper = /[{([]\s*$/.test(before) ? "  " : "";
      event.preventDefault();
      document.execCommand("insertText", false, "\n" + indent + deeper);
    }
  });
}
function checkVariables() {
  const text = $("variables").value.trim();
  try { const value = text ? JSON.parse(text) : {}; $("variables-error").textContent = ""; return value; }
  catch (error) { $("variables-error").textContent = "No valid JSON"; return undefined; }
}
/** Indent by the depth of braces, leaving strings and comments alone. */
function formatted(text) {
  let depth = 0;
  return text.split("\n").map((line) => line.trim()).filter((line, i, all) => line || all[i - 1]).map((line) => {
    const bare = line.replace(/"(?:\\.|[^"\\])*"|#.*/g, "");
    const closing = (bare.match(/^[}\])]+/) || [""])[0].length;
    const indent = "  ".repeat(Math.max(0, depth - closing));
    depth = Math.max(0, depth + (bare.match(/[{[(]/g) || []).length - (bare.match(/[}\])]/g) || []).length);
    return indent + line;
  }).join("\n");
}

// --- Running. A subscription goes over graphql-transport-ws and shows its newest events first.
let running = null;
let shown = "";
function show(value) {
  shown = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  // Colours for what a person can read; a huge answer stays plain so that the page stays quick.
  if (shown.length < 400000) $("answer").innerHTML = colourJson(shown);
  else $("answer").textContent = shown;
}
function stop(text) {
  if (running) running();
  running = null;
  $("run").textContent = "Run";
  if (text) $("status").textContent = text;
}
const isSubscription = (text) => /^\s*subscription\b/m.test(text.replace(/#.*/g, ""));
async function run() {
  if (running) return stop("Stopped");
  const variables = checkVariables();
  if (variables === undefined) return $("variables").focus();
  const query = $("query").value;
  $("run").textContent = "Stop";
  if (isSubscription(query)) return follow(query, variables);
  const controller = new AbortController();
  running = () => controller.abort();
  $("status").textContent = "Running…";
  const begun = performance.now();
  try {
    const { status, body } = await post(query, variables, controller.signal);
    show(body);
    const problem = body.errors ? ` · ${body.errors.length} error${body.errors.length > 1 ? "s" : ""}` : "";
    stop(`${status} · ${Math.round(performance.now() - begun)} ms${problem}`);
  } catch (error) {
    stop(error.name === "AbortError" ? "Stopped" : "The server cannot be reached");
  }
}
function follow(query, variables) {
  const events = [];
  const socket = new WebSocket(location.origin.replace(/^http/, "ws") + ENDPOINT, "graphql-transport-ws");
  running = () => socket.close(1000);
  $("status").textContent = "Connecting…";
  const send = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => send({ type: "connection_init", payload: authorization ? { authorization } : {} });
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "connection_ack") {
      send({ id: "1", type: "subscribe", payload: { query, variables } });
      $("status").textContent = "Following";
    } else if (message.type === "ping") send({ type: "pong" });
    else if (message.type === "next") {
      events.unshift(message.payload);
      events.length = Math.min(events.length, 50);
      show(events);
      $("status").textContent = "Following";
    } else if (message.type === "error") { show({ errors: message.payload }); stop("Refused"); }
    else if (message.type === "complete") stop("Ended");
  };
  socket.onclose = ({ code }) => { if (running) { running = null; stop(code === 4403 ? "Credentials were refused" : `Connection closed (${code})`); } };
}

// --- Schema pane.
const INTROSPECTION = `{ __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { kind name description enumValues { name description } possibleTypes { name }
    inputFields { ...V } fields(includeDeprecated: true) { name description isDeprecated deprecationReason args { ...V } type { ...T } } } } }
  fragment V on __InputValue { name description defaultValue type { ...T } }
  fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`;
let types = new Map(), roots = [];
const path = [];
const typeText = (type) => type.kind === "NON_NULL" ? typeText(type.ofType) + "!" : type.kind === "LIST" ? `[${typeText(type.ofType)}]` : type.name;
const baseName = (type) => type.ofType ? baseName(type.ofType) : type.name;
const link = (type) => `<a data-type="${escaped(baseName(type))}" tabindex="0">${escaped(typeText(type))}</a>`;
const note = (text) => text ? `<p>${escaped(text)}</p>` : "";
function fieldEntry(field) {
  const args = (field.args || []).map((arg) => `<div style="padding-left:2ch">${tag("v", arg.name)}: ${link(arg.type)}${arg.defaultValue && arg.defaultValue !== "null" ? " = " + escaped(arg.defaultValue) : ""}</div>`).join("");
  return `<div class="entry">${note(field.description)}${tag("k", field.name)}${args ? "(" + args + ")" : ""}: ${link(field.type)}</div>`;
}
function typePage(name) {
  const type = types.get(name);
  if (!type) return "";
  const entries = (type.fields || type.inputFields || []).map(fieldEntry).join("");
  const values = (type.enumValues || []).map((value) => `<div class="entry">${note(value.description)}${tag("n", value.name)}</div>`).join("");
  return note(type.description) + entries + values;
}
function drawDocs() {
  const wanted = $("docs-search").value.trim().toLowerCase();
  const name = path[path.length - 1];
  $("docs-back").hidden = !path.length && !wanted;
  if (wanted) {
    $("docs-title").textContent = "Found";
    const found = [...types.values()].filter((type) => !type.name.startsWith("__")).map((type) => {
      const fields = (type.fields || type.inputFields || []).filter((field) => field.name.toLowerCase().includes(wanted));
      if (!fields.length && !type.name.toLowerCase().includes(wanted)) return "";
      return `<h3><a data-type="${type.name}" tabindex="0">${type.name}</a></h3>` + fields.map(fieldEntry).join("");
    }).join("");
    $("docs-body").innerHTML = found || "<p>Nothing has that name.</p>";
  } else if (name) {
    $("docs-title").textContent = name;
    $("docs-body").innerHTML = typePage(name);
  } else {
    $("docs-title").textContent = "Schema";
    $("docs-body").innerHTML = roots.map((root) => `<h3>${root}</h3>` + typePage(root)).join("");
  }
  $("docs-body").scrollTop = 0;
}
function openType(target) {
  const name = target && target.dataset && target.dataset.type;
  if (!name) return;
  $("docs-search").value = "";
  path.push(name);
  drawDocs();
}
async function loadSchema() {
  try {
    const { body } = await post(INTROSPECTION);
    const schema = body.data.__schema;
    types = new Map(schema.types.map((type) => [type.name, type]));
    roots = [schema.queryType, schema.mutationType, schema.subscriptionType].filter(Boolean).map((type) => type.name);
    drawDocs();
  } catch { $("docs-body").innerHTML = "<p>The schema could not be read. Is the server running?</p>"; }
}

// --- Wiring.
$("examples").append(new Option("Examples", ""), ...Object.keys(EXAMPLES).map((name) => new Option(name, name)));
$("examples").onchange = ({ target }) => {
  if (target.value) { stop(); setText("query", EXAMPLES[target.value][0]); setText("variables", EXAMPLES[target.value][1]); checkVariables(); }
  target.value = "";
};
$("run").onclick = run;
$("format").onclick = () => setText("query", formatted($("query").value));
$("copy").onclick = async () => { await navigator.clipboard.writeText(shown); $("status").textContent = "Copied"; };
$("account").onclick = () => { const hidden = $("sign-in").toggleAttribute("hidden"); $("account").setAttribute("aria-expanded", String(!hidden)); if (!hidden) $("email").focus(); };
$("forget").onclick = () => { setCaller("", ""); $("sign-in").hidden = true; };
$("sign-in").onsubmit = async (event) => {
  event.preventDefault();
  try { await signIn(); $("sign-in").hidden = true; $("password").value = $("secret-key").value = ""; $("query").focus(); }
  catch (error) { $("sign-in-error").textContent = error.message; }
};
$("show-docs").onclick = () => { const off = document.querySelector("main").classList.toggle("no-docs"); $("show-docs").setAttribute("aria-pressed", String(!off)); };
$("docs-body").onclick = ({ target }) => openType(target);
$("docs-body").onkeydown = ({ key, target }) => { if (key === "Enter") openType(target); };
$("docs-search").oninput = drawDocs;
$("docs-back").onclick = () => { if ($("docs-search").value) $("docs-search").value = ""; else path.pop(); drawDocs(); };
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") { event.preventDefault(); run(); }
  if (event.key === "Escape") $("sign-in").hidden = true;
});
setCaller(authorization, caller);
setText("query", sessionStorage.getItem("query") || EXAMPLES["Who am I"][0]);
setText("variables", sessionStorage.getItem("variables") || "");
loadSchema();
