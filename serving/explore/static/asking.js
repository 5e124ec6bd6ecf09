// What is asked: the question that stands for what is chosen, and a model's answer to it.

import { chosen } from "./state.js";

export const PADDING = "";

/** The signature and the row that answer what is chosen. An empty list is [""]: batching in TensorFlow Serving fails on []. */
export function question() {
  const padded = (list) => (list.length ? list : [PADDING]);
  if (chosen.who === "new") return { signature: "recommend_from", row: { items: padded(chosen.likes), k: chosen.k } };
  const row = { user_id: chosen.user, k: chosen.k, exclude: padded(chosen.excluded), unseen: chosen.unseen };
  if (!chosen.tags.length) return { signature: "recommend", row };
  return { signature: "recommend_within", row: { ...row, among: [PADDING], tags: chosen.tags } };
}

export async function get(path) {
  const reply = await fetch(path);
  return reply.json();
}

/** Ask one model: {prediction, ms} or {words}. */
export async function predict(model, { signature, row }) {
  if (model.state !== "available") return { words: model.words };
  if (!(signature in model.signatures)) return { words: lacks(model, signature) };
  const body = JSON.stringify({ signature_name: signature, instances: [row] });
  try {
    const reply = await fetch(`/v1/models/${encodeURIComponent(model.name)}:predict`, { method: "POST", body });
    const answer = await reply.json();
    if (!reply.ok) return { words: answer.error, away: reply.status === 502 };
    const ms = Number(/dur=([\d.]+)/.exec(reply.headers.get("Server-Timing") ?? "")?.[1]);
    return { prediction: answer.predictions[0], ms };
  } catch {
    return { words: "The process of this page has ended: start it again with `triptych explore`.", away: true };
  }
}

function lacks(model, signature) {
  const has = Object.keys(model.signatures);
  const own = has.length ? `It has ${has.join(", ")}.` : "The server did not tell which it has.";
  if (signature === "recommend_within" && has.includes("recommend"))
    return "This version cannot filter by tag: it is of contract 1, which has no recommend_within. Train it again to have it.";
  return `This model has no signature ${signature}, so it cannot answer here. ${own}`;
}

/** The items of a prediction with their scores, without the padding. */
export function ranking(prediction) {
  return prediction.item.map((item, place) => ({ item, score: prediction.score[place] })).filter(({ item }) => item !== PADDING);
}
