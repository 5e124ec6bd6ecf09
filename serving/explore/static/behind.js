// What stands behind a list: its version's manifest and figures.

import { make } from "./elements.js";

export function drawBehind(model) {
  const manifest = model.manifest;
  const details = make("details", { "data-key": `behind ${model.name}` }, make("summary", {}, "What stands behind this list"));
  if (!manifest) {
    details.append(make("p", { class: "told" }, "No manifest is at hand: start the page with --models and the folder that the server serves."));
    return details;
  }
  const [data, config, packages, figures] = ["data", "config", "packages", "figures"].map((name) => asObject(manifest[name]));
  const size = (count) => Number(count ?? 0).toLocaleString("en");
  const facts = [
    ["Version", `${model.version}${manifest.created ? `, made ${manifest.created}` : ""}, contract ${manifest.contract}`],
    ["Recipe", manifest.recipe && manifest.recipe + (manifest.seed == null ? "" : `, seed ${manifest.seed}`)],
    ["Values", Object.entries(config).map(([name, value]) => `${name} ${value}`).join(", ")],
    ["Data", data.name && `${data.name}: ${size(data.users)} users, ${size(data.items)} items, ${size(data.interactions)} interactions`],
    ["Packages", Object.entries(packages).map(([name, version]) => `${name} ${version}`).join(", ")],
  ];
  details.append(make("table", {}, make("tbody", {}, ...facts.filter(([, value]) => value).map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value))))));
  details.append(...drawFigures(figures));
  return details;
}

// Of a manifest only `contract` is sure: somebody else may have written the rest.
function asObject(value) {
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

const FIGURES = ["ndcg@10", "recall@10", "coverage@10"];

function drawFigures(figures) {
  if (!Object.keys(figures).length) return [make("p", { class: "hint" }, "No figures: this data with these values was not measured (triptych evaluate).")];
  const head = make("tr", {}, ...["protocol", ...FIGURES].map((name) => make("th", { scope: "col" }, name)));
  const number = (value) => (typeof value === "number" ? value.toFixed(3) : "–");
  const rows = Object.entries(figures).map(([name, found]) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...FIGURES.map((figure) => make("td", {}, number(asObject(found)[figure])))));
  const { seeds } = asObject(Object.values(figures)[0]);
  const note = `Measured for this recipe on held-out parts of this data${seeds ? `, mean of ${seeds} seed${seeds === 1 ? "" : "s"}` : ""}; unseen items only.`;
  return [make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows))), make("p", { class: "hint" }, note)];
}
