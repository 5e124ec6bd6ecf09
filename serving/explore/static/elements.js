// Elements of the page. Names and scores become text nodes only, never HTML.

export const $ = (id) => document.getElementById(id);

/** Make an element: text and elements are appended, functions are click handlers, the rest are attributes. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener("click", value);
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
