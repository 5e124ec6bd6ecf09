// The request behind a list, as a command and as a program, to copy.

import { PADDING } from "./asking.js";
import { make } from "./elements.js";
import { chosen, state } from "./state.js";

export function drawRequest(model, asked) {
  const parts = [["curl", curl(model, asked)], ["Python", python(model, asked)]];
  return make("details", { "data-key": `request ${model.name}` }, make("summary", {}, "The request"), ...parts.flatMap(([name, text]) => {
    const code = make("pre", { tabindex: "0", "aria-label": name }, text);
    const copy = make("button", { type: "button", "aria-label": `Copy ${name}`, click: () => copyText(copy, code) }, "Copy");
    return [make("h3", {}, name, copy), code];
  }));
}

async function copyText(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function curl(model, { signature, row }) {
  const body = JSON.stringify({ signature_name: signature, instances: [row] }).replaceAll("'", "'\\''");
  return `curl -d '${body}' \\\n  ${state.server}/v1/models/${encodeURIComponent(model.name)}:predict`;
}

function python(model, { signature, row }) {
  const text = JSON.stringify;
  const list = (items) => `[${items.filter((item) => item !== PADDING).map(text).join(", ")}]`;
  const options = [`k=${row.k}`];
  if (row.unseen) options.push("unseen=True");
  if (chosen.excluded.length && row.exclude) options.push(`exclude=[${list(row.exclude)}]`);
  if (row.tags) options.push(`tags=${list(row.tags)}`);
  const method = row.items ? "recommend_from" : "recommend";
  const first = row.items ? `[${list(row.items)}]` : `[${text(row.user_id)}]`;
  return `from triptych import Client

with Client(${text(state.server)}, model=${text(model.name)}) as client:
    (answer,) = client.${method}(${[first, ...options].join(", ")})
print(answer.items, answer.scores)`;
}
